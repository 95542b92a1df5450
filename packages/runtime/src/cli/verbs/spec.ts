import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alreadyExists } from '@gantry/rpc/errors';
import { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths, type Spec } from '@gantry/oci';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';

const flags = { bundle: { kind: 'string', short: 'b', help: 'directory for config.json (default: the working directory)' } } as const;

export const spec: Verb = {
  usage: 'spec [--bundle DIR]',
  help: 'write a config.json to begin with',
  run(_, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    positional(rest, []);
    const path = join(values.bundle ?? '.', 'config.json');
    if (existsSync(path)) throw alreadyExists(`file ${path} exists. Remove it first`);
    writeFileSync(path, `${JSON.stringify(exampleSpec(), undefined, '\t')}\n`);
    return Promise.resolve(0);
  },
};

export function exampleSpec(): Spec {
  const caps = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  return {
    ociVersion: '1.2.0',
    process: {
      terminal: true, user: { uid: 0, gid: 0 }, args: ['sh'], env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'], cwd: '/',
      capabilities: { bounding: caps, effective: caps, permitted: caps }, rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }], noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'gantry',
    mounts: defaultMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: (['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const).map((type) => ({ type })),
      maskedPaths: [...defaultMaskedPaths], readonlyPaths: [...defaultReadonlyPaths],
    },
  };
}
