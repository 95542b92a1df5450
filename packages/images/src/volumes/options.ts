import { MS } from '@gantry/linux';
import { goSize } from '@gantry/oci';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import type { Labels } from '../store/labels';

/** What a volume with type, device and o is mounted from. */
export interface VolumeMount {
  readonly type: string;
  readonly device: string;
  readonly flags: number;
  readonly data: string;
}

const KNOWN = ['type', 'device', 'o', 'size'];

const flagWords: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  ro: [MS.RDONLY, 0],
  rw: [0, MS.RDONLY],
  nosuid: [MS.NOSUID, 0],
  suid: [0, MS.NOSUID],
  nodev: [MS.NODEV, 0],
  dev: [0, MS.NODEV],
  noexec: [MS.NOEXEC, 0],
  exec: [0, MS.NOEXEC],
  sync: [MS.SYNCHRONOUS, 0],
  async: [0, MS.SYNCHRONOUS],
  dirsync: [MS.DIRSYNC, 0],
  noatime: [MS.NOATIME, 0],
  atime: [0, MS.NOATIME],
  nodiratime: [MS.NODIRATIME, 0],
  diratime: [0, MS.NODIRATIME],
  relatime: [MS.RELATIME, 0],
  norelatime: [0, MS.RELATIME],
  strictatime: [MS.STRICTATIME, 0],
  nostrictatime: [0, MS.STRICTATIME],
  bind: [MS.BIND, 0],
  rbind: [MS.BIND | MS.REC, 0],
  defaults: [0, 0],
};

/** What a volume's own directory may hold, in bytes; 0: as much as there is room for. Errors name the volume. */
export function volumeSize(name: string, { size }: { readonly size?: string }): number {
  try {
    return size === undefined ? 0 : goSize(size, 1024);
  } catch (error) {
    throw isErrorOf(error, 'invalidArgument') ? invalidArgument(`create ${name}: ${error.message}`, { cause: error }) : error;
  }
}

/** Docker's rules for options of the local driver; undefined for a plain directory. Errors name the volume. */
export function volumeMount(name: string, options: Labels): VolumeMount | undefined {
  for (const key of Object.keys(options)) if (!KNOWN.includes(key)) throw invalidArgument(`create ${name}: invalid option: "${key}"`);
  const { type = '', device = '', o = '' } = options as { type?: string; device?: string; o?: string };
  if (type === '' && device === '' && o === '') return undefined;
  if (volumeSize(name, options) > 0)
    throw invalidArgument(`create ${name}: option "size" limits the volume's own directory: what "device" mounts has its size in "o"`);
  if (device === '') throw invalidArgument(`create ${name}: missing required option: "device"`);
  if (type === '' && !/(^|,)r?bind(,|$)/.test(o)) throw invalidArgument(`create ${name}: missing required option: "type"`);
  let flags = 0;
  const data: string[] = [];
  for (const word of o.split(',').filter((part) => part !== '')) {
    const known = Object.hasOwn(flagWords, word) ? flagWords[word] : undefined;
    if (known === undefined) data.push(word);
    else flags = (flags | known[0]) & ~known[1];
  }
  return { type: type === '' ? 'none' : type, device, flags, data: data.join(',') };
}
