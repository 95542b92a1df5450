import { supportedMountOptions } from '../../compile/mount-options';
import { capabilityNames } from '@gantry/oci';
import { CLONE } from '../../plan/kernel';
import { supportedActions } from '../../seccomp/actions';
import { filterFlags } from '../../seccomp/flags';
import { architectures } from '../../seccomp/numbers';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { version } from '../version';

export const features: Verb = {
  usage: 'features',
  help: 'print what this runtime supports as JSON (runtime-spec, features.md)',
  run(context, words) {
    positional(parseFlags(words, {}).rest, []);
    const document = {
      ociVersionMin: '1.0.0',
      ociVersionMax: '1.2.0',
      hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
      mountOptions: supportedMountOptions,
      linux: {
        namespaces: Object.keys(CLONE).sort(),
        capabilities: capabilityNames,
        cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
        seccomp: {
          enabled: true,
          actions: supportedActions,
          operators: ['SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_LE', 'SCMP_CMP_LT', 'SCMP_CMP_MASKED_EQ', 'SCMP_CMP_NE'],
          archs: Object.keys(architectures).sort(),
          knownFlags: Object.keys(filterFlags),
          supportedFlags: Object.keys(filterFlags),
        },
        apparmor: { enabled: true },
        selinux: { enabled: true },
        intelRdt: { enabled: false },
        mountExtensions: { idmap: { enabled: true } },
        netDevices: { enabled: true },
      },
      annotations: { 'io.gantry.runc.version': version() },
      potentiallyUnsafeConfigAnnotations: [],
    };
    context.print(`${JSON.stringify(document, undefined, 4)}\n`);
    return Promise.resolve(0);
  },
};
