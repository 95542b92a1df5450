import { invalidArgument } from '@gantry/rpc/errors';
import type { Mount } from '@gantry/oci';
import { ATTR, MS } from '../plan/kernel';

/** A mount's options, sorted into what the kernel takes separately. */
export interface MountOptions {
  readonly bind: boolean;
  readonly recursive: boolean;
  readonly copyUp: boolean;
  readonly remount: boolean;
  /** An id map was asked for without saying which: the container's own; `recursive` also for what is mounted below. */
  readonly idmap: 'no' | 'single' | 'recursive';
  /** MOUNT_ATTR_*: on the mount itself, and on the whole tree. */
  readonly set: number;
  readonly clear: number;
  readonly setAll: number;
  readonly clearAll: number;
  /** MS_PRIVATE and so on: on the mount itself, and on the whole tree; 0 = leave. */
  readonly propagation: number;
  readonly propagationAll: number;
  /** For the file system. */
  readonly data: readonly string[];
}

type Change = readonly [set: number, clear: number];

const attributes: Readonly<Record<string, Change>> = {
  ro: [ATTR.rdonly, 0],
  rw: [0, ATTR.rdonly],
  nosuid: [ATTR.nosuid, 0],
  suid: [0, ATTR.nosuid],
  nodev: [ATTR.nodev, 0],
  dev: [0, ATTR.nodev],
  noexec: [ATTR.noexec, 0],
  exec: [0, ATTR.noexec],
  nodiratime: [ATTR.nodiratime, 0],
  diratime: [0, ATTR.nodiratime],
  nosymfollow: [ATTR.nosymfollow, 0],
  symfollow: [0, ATTR.nosymfollow],
  noatime: [ATTR.noatime, ATTR.atime],
  atime: [0, ATTR.atime],
  relatime: [ATTR.relatime, ATTR.atime],
  norelatime: [0, ATTR.atime],
  strictatime: [ATTR.strictatime, ATTR.atime],
  nostrictatime: [0, ATTR.atime],
};

const propagations: Readonly<Record<string, number>> = {
  private: MS.private,
  shared: MS.shared,
  slave: MS.slave,
  unbindable: MS.unbindable,
};

/** Of one group: the last of the three counts, and each can be taken back. */
const accessTimes: Readonly<Record<string, { readonly without: readonly string[]; readonly with?: string }>> = {
  noatime: { without: ['relatime', 'strictatime'], with: 'noatime' },
  relatime: { without: ['noatime', 'strictatime'], with: 'relatime' },
  strictatime: { without: ['noatime', 'relatime'], with: 'strictatime' },
  nodiratime: { without: [], with: 'nodiratime' },
  atime: { without: ['noatime'] },
  norelatime: { without: ['relatime'] },
  nostrictatime: { without: ['strictatime'] },
  diratime: { without: ['nodiratime'] },
};

/** Options that change nothing or belong to the file system as flags. */
const nothing = new Set(['defaults', 'async', 'loud', 'nomand', 'nolazytime', 'noiversion']);
const superblock = new Set(['sync', 'dirsync', 'lazytime', 'mand', 'silent', 'iversion', 'acl', 'noacl']);

export const supportedMountOptions: readonly string[] = [
  ...Object.keys(attributes),
  ...Object.keys(attributes).map((name) => `r${name}`),
  ...Object.keys(propagations),
  ...Object.keys(propagations).map((name) => `r${name}`),
  ...nothing,
  ...superblock,
  'bind',
  'rbind',
  'tmpcopyup',
  'remount',
  'idmap',
  'ridmap',
].sort();

export function parseMountOptions(mount: Mount, path: string, warnings: string[]): MountOptions {
  const result = {
    bind: mount.type === 'bind',
    recursive: false,
    copyUp: false,
    remount: false,
    idmap: 'no' as MountOptions['idmap'],
    set: 0,
    clear: 0,
    setAll: 0,
    clearAll: 0,
    propagation: 0,
    propagationAll: 0,
    data: [] as string[],
  };
  const apply = ([set, clear]: Change, all: boolean) => {
    const [s, c] = all ? (['setAll', 'clearAll'] as const) : (['set', 'clear'] as const);
    result[s] = (result[s] & ~clear) | set;
    result[c] = (result[c] & ~set) | clear;
  };
  const times = new Set<string>();
  for (const option of mount.options ?? []) {
    const time = accessTimes[option];
    for (const name of time?.without ?? []) times.delete(name);
    if (time?.with) times.add(time.with);
    const all = option.startsWith('r') && !(option in attributes) ? option.slice(1) : undefined;
    const own = attributes[option];
    const whole = all === undefined ? undefined : attributes[all];
    if (option === 'bind' || option === 'rbind') {
      result.bind = true;
      result.recursive ||= option === 'rbind';
    } else if (option === 'tmpcopyup') result.copyUp = true;
    else if (own) apply(own, false);
    else if (whole) apply(whole, true);
    else if (option in propagations) result.propagation = propagations[option] ?? 0;
    else if (all !== undefined && all in propagations) result.propagationAll = propagations[all] ?? 0;
    else if (option === 'remount') result.remount = true;
    else if (option === 'idmap' || option === 'ridmap') result.idmap = option === 'idmap' ? 'single' : 'recursive';
    else if (!nothing.has(option) && option !== '') result.data.push(option);
  }
  if (result.bind) bindAccessTimes(times, result);
  if (result.copyUp && mount.type !== 'tmpfs') throw invalidArgument(`config.json: ${path}: tmpcopyup is for tmpfs only`);
  if (result.idmap !== 'no' && !result.bind) throw invalidArgument(`config.json: ${path}: an id map is for bind mounts only`);
  if (result.bind && result.data.some((option) => !superblock.has(option))) {
    /* mount(2) passes them over too. */
    warnings.push(`config.json: ${path}: option "${result.data.join(',')}" has no meaning on a bind mount`);
  }
  return result;
}

/**
 * As mount(2) with MS_BIND|MS_REMOUNT has it: without one of them the source's stay, also where one was only taken back; whoever names one names
 * all, and relatime is what is meant by none of the three.
 */
function bindAccessTimes(times: ReadonlySet<string>, result: { set: number; clear: number }): void {
  const every = ATTR.atime | ATTR.nodiratime;
  result.set &= ~every;
  result.clear &= ~every;
  if (times.size === 0) return;
  const wanted =
    (times.has('noatime') ? ATTR.noatime : times.has('strictatime') ? ATTR.strictatime : ATTR.relatime) |
    (times.has('nodiratime') ? ATTR.nodiratime : 0);
  result.set |= wanted;
  result.clear |= every & ~(wanted & ATTR.nodiratime);
}
