import { posix } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxDevice, Spec } from '@gantry/oci';
import { DEVICE_FLAG, LINK_FLAG } from '../plan/kernel';
import type { Operation } from '../plan/operations';

const typeBits = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const;

/** Devices that every container has (runtime-spec, config-linux.md, "Default Devices"). */
const always: readonly LinuxDevice[] = (
  [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ] as const
).map(([name, major, minor]) => ({ path: `/dev/${name}`, type: 'c', major, minor, fileMode: 0o666, uid: 0, gid: 0 }));

const links: readonly (readonly [text: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
];

/** A bind mount on /dev brings its own nodes. */
export function devIsForeign(spec: Spec): boolean {
  return (spec.mounts ?? []).some(
    (m) =>
      posix.normalize(m.destination).replace(/\/$/, '') === '/dev' &&
      (m.type === 'bind' || (m.options ?? []).some((o) => o === 'bind' || o === 'rbind')),
  );
}

export function compileDevices(spec: Spec, userNamespace: boolean): Operation[] {
  if (devIsForeign(spec)) return [];
  const given = spec.linux?.devices ?? [];
  for (const [i, { path }] of (given as readonly Partial<LinuxDevice>[]).entries())
    if (!path) throw invalidArgument(`config.json: linux.devices[${i}].path is empty`);
  const nodes = [
    ...always.filter((d) => !given.some((g) => posix.normalize(g.path) === d.path)),
    ...given.filter((d) => posix.normalize(d.path) !== '/dev/ptmx'),
  ];
  return [
    ...nodes.map((device) => compileDevice(device, userNamespace)),
    ...links.map(([text, path]): Operation => ['SYMLINK', text, path, LINK_FLAG.replace]),
    ['SYMLINK', 'pts/ptmx', '/dev/ptmx', LINK_FLAG.replace],
  ];
}

function compileDevice(device: LinuxDevice, userNamespace: boolean): Operation {
  const bits = typeBits[device.type];
  if (bits === undefined)
    throw invalidArgument(`config.json: device ${device.path}: type "${String(device.type)}" is not one of c, b, u, p`);
  if (!device.path.startsWith('/')) throw invalidArgument(`config.json: device path "${device.path}" is not absolute`);
  for (const [name, value, limit] of [
    ['major', device.major ?? 0, 0xfff],
    ['minor', device.minor ?? 0, 0xfffff],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > limit)
      throw invalidArgument(`config.json: device ${device.path}: ${name} ${value} is out of range`);
  }
  const bind = userNamespace && device.type !== 'p' ? DEVICE_FLAG.bind : 0;
  return [
    'DEVICE',
    posix.normalize(device.path),
    bits | ((device.fileMode ?? 0o666) & 0o7777),
    device.major ?? 0,
    device.minor ?? 0,
    device.uid ?? 0,
    device.gid ?? 0,
    bind,
  ];
}
