import { promises as fs, type Stats } from 'node:fs';
import { join, posix } from 'node:path';
import type { DeviceMapping, HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LinuxDevice, LinuxDeviceCgroup } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** What a container may do with devices: nodes to make, and rules of the device cgroup. */
export interface DeviceSpec {
  readonly devices: LinuxDevice[];
  readonly rules: LinuxDeviceCgroup[];
}

const character = (major: number, minor: number): LinuxDeviceCgroup => ({ allow: true, type: 'c', major, minor, access: 'rwm' });

/** Docker's default rules: null, zero, full, random and urandom, tty, console; fuse is denied. The runtime adds what terminals need. */
const DEFAULT_RULES: readonly LinuxDeviceCgroup[] = [
  { allow: false, access: 'rwm' },
  character(1, 5),
  character(1, 3),
  character(1, 9),
  character(1, 8),
  character(5, 0),
  character(5, 1),
  { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
];

/** glibc's and Linux's encoding of dev_t in 64 bits. */
const majorOf = (rdev: number): number => Number((BigInt(rdev) >> 8n) & 0xfffn) | Number((BigInt(rdev) >> 32n) & 0xfffff000n);
const minorOf = (rdev: number): number => Number(BigInt(rdev) & 0xffn) | Number((BigInt(rdev) >> 12n) & 0xffffff00n);

/** What a node of the host is, at a path inside; undefined: it is no device. */
export function deviceOf(stat: Stats, path: string): LinuxDevice | undefined {
  const type = stat.isCharacterDevice() ? 'c' : stat.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  return { path, type, major: majorOf(stat.rdev), minor: minorOf(stat.rdev), fileMode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
}

const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev']);

/** Every device node below a directory of the host; what vanishes meanwhile is left out. */
async function devicesBelow(directory: string, inside: string): Promise<LinuxDevice[]> {
  const found: LinuxDevice[] = [];
  for (const name of await fs.readdir(directory)) {
    if (SKIPPED.has(name) || name === 'console') continue;
    const path = join(directory, name);
    const stat = await fs.lstat(path).catch(() => undefined);
    if (stat === undefined) continue;
    if (stat.isDirectory()) found.push(...(await devicesBelow(path, posix.join(inside, name)).catch(() => [])));
    const device = deviceOf(stat, posix.join(inside, name));
    if (device !== undefined) found.push(device);
  }
  return found;
}

async function mapped(mapping: DeviceMapping): Promise<LinuxDevice[]> {
  const inside = mapping.PathInContainer === '' ? mapping.PathOnHost : mapping.PathInContainer;
  const stat = await fs.stat(mapping.PathOnHost).catch(() => undefined);
  const device = stat === undefined ? undefined : deviceOf(stat, inside);
  if (device !== undefined) return [device];
  const below = stat?.isDirectory() === true ? await devicesBelow(mapping.PathOnHost, inside) : [];
  if (below.length === 0) {
    throw invalidArgument(
      `error gathering device information while adding custom device "${mapping.PathOnHost}": ${stat === undefined ? 'no such file or directory' : 'not a device node'}`,
    );
  }
  return below;
}

function ruleOf(text: string): LinuxDeviceCgroup {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (match === null) throw invalidArgument(`invalid device cgroup rule format: '${text}'`);
  const number = (part: string | undefined): number => (part === '*' || part === undefined ? -1 : Number(part));
  return { allow: true, type: match[1] ?? 'a', major: number(match[2]), minor: number(match[3]), access: match[4] ?? 'rwm' };
}

/** Devices of a container: docker's defaults, --device and --device-cgroup-rule, or all of the host when privileged. */
export async function deviceSpec(host: HostConfig): Promise<DeviceSpec> {
  if (host.Privileged) return { devices: await devicesBelow('/dev', '/dev'), rules: [{ allow: true, access: 'rwm' }] };
  const devices: LinuxDevice[] = [];
  const rules = [...DEFAULT_RULES];
  for (const mapping of host.Devices) {
    for (const device of await mapped(mapping)) {
      devices.push(device);
      rules.push({
        allow: true,
        type: device.type,
        major: device.major ?? -1,
        minor: device.minor ?? -1,
        access: mapping.CgroupPermissions || 'rwm',
      });
    }
  }
  return { devices, rules: [...rules, ...host.DeviceCgroupRules.map(ruleOf)] };
}

/** Major and minor of a block device by path, for limits on it. Throws invalidArgument. */
export async function blockDevice(path: string): Promise<{ major: number; minor: number }> {
  const stat = await fs.stat(path).catch(() => undefined);
  if (stat === undefined) throw invalidArgument(`stat ${path}: no such file or directory`);
  return { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
}
