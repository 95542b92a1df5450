import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alreadyExists } from '@gantry/rpc/errors';
import { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths, type Mount, type Spec } from '@gantry/oci';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';

const flags = {
  rootless: { kind: 'boolean', help: 'for a caller that is not root' },
  bundle: { kind: 'string', short: 'b', help: 'directory for config.json (default: the working directory)' },
} as const;

export const spec: Verb = {
  usage: 'spec [--bundle DIR] [--rootless]',
  help: 'write a config.json to begin with',
  run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    positional(rest, []);
    const path = join(values.bundle ?? '.', 'config.json');
    if (existsSync(path)) throw alreadyExists(`file ${path} exists. Remove it first`);
    writeFileSync(
      path,
      `${JSON.stringify(values.rootless ? rootlessSpec(exampleSpec(context.cgroups.mode)) : exampleSpec(context.cgroups.mode), undefined, '\t')}\n`,
    );
    return Promise.resolve(0);
  },
};

/** A cgroup namespace of its own only where there is one tree of cgroups: on cgroup v1 the paths of the host are shown, as they always were. */
export function exampleSpec(cgroups: 'v1' | 'hybrid' | 'v2'): Spec {
  const caps = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  return {
    ociVersion: '1.2.0',
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: caps, effective: caps, permitted: caps },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'gantry',
    mounts: defaultMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: (['pid', 'network', 'ipc', 'uts', 'mount', ...(cgroups === 'v2' ? (['cgroup'] as const) : [])] as const).map((type) => ({
        type,
      })),
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
    },
  };
}

/** One id, the caller's own, becomes root; the network and /sys are the host's; no limits. */
export function rootlessSpec(spec: Spec): Spec {
  const map = (hostID: number | undefined) => [{ containerID: 0, hostID: hostID ?? 0, size: 1 }];
  const { resources: _, ...linux } = spec.linux ?? {};
  return {
    ...spec,
    mounts: (spec.mounts ?? [])
      .filter((m) => m.type !== 'cgroup' && m.type !== 'cgroup2')
      .map((mount): Mount =>
        mount.type === 'sysfs'
          ? { destination: mount.destination, type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] }
          : { ...mount, options: (mount.options ?? []).filter((option) => !/^[ug]id=/.test(option)) },
      ),
    linux: {
      ...linux,
      namespaces: [...(linux.namespaces ?? []).filter((n) => n.type !== 'network' && n.type !== 'user'), { type: 'user' }],
      uidMappings: map(process.geteuid?.()),
      gidMappings: map(process.getegid?.()),
    },
  };
}
