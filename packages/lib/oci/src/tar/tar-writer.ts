import { paxRecord, writeSum } from './tar-headers';
import { padding } from './tar-reader';

/** One entry of a tar archive that is written. */
export interface TarHead {
  readonly name: string;
  readonly type: 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'folder' | 'fifo';
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  /** Nanoseconds since 1970. */
  readonly time?: bigint;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: Readonly<Record<string, Buffer>>;
}

const FLAGS = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', folder: '5', fifo: '6' } as const;
const BLOCK = 512;
const NAME = 100;
const OCTAL_11 = 8 ** 11;
const OCTAL_7 = 8 ** 7;

export const TAR_END = Buffer.alloc(2 * BLOCK);

export const tarPadding = (size: number): Buffer => Buffer.alloc(padding(size));

/** The headers of an entry: what ustar cannot say is said in a pax header before. The content and its padding follow. */
export function tarHeaders(entry: TarHead): Buffer {
  const records = paxRecords(entry);
  if (records.length === 0) return ustar(entry, FLAGS[entry.type]);
  const pax = ustar({ name: 'PaxHeaders.0/entry', type: 'file', mode: 0o644, size: records.length }, 'x');
  return Buffer.concat([pax, records, tarPadding(records.length), ustar(entry, FLAGS[entry.type])]);
}

function paxRecords({ name, link = '', size = 0, uid = 0, gid = 0, time = 0n, xattrs = {} }: TarHead): Buffer {
  const pairs: [string, Buffer][] = [];
  const text = (key: string, value: string): void => void pairs.push([key, Buffer.from(value)]);
  if (Buffer.byteLength(name) > NAME) text('path', name);
  if (Buffer.byteLength(link) > NAME) text('linkpath', link);
  if (size >= OCTAL_11) text('size', String(size));
  if (uid >= OCTAL_7) text('uid', String(uid));
  if (gid >= OCTAL_7) text('gid', String(gid));
  if (time < 0n || time % 1_000_000_000n !== 0n) text('mtime', secondsOf(time));
  for (const [key, value] of Object.entries(xattrs)) pairs.push([`SCHILY.xattr.${key}`, value]);
  return Buffer.concat(pairs.map(([key, value]) => paxRecord(key, value)));
}

/** Seconds with nine digits behind the point. */
function secondsOf(time: bigint): string {
  const sign = time < 0n ? '-' : '';
  const whole = time < 0n ? -time : time;
  return `${sign}${whole / 1_000_000_000n}.${String(whole % 1_000_000_000n).padStart(9, '0')}`;
}

function ustar(entry: TarHead, flag: string): Buffer {
  const { name, mode, uid = 0, gid = 0, size = 0, time = 0n, link = '', major = 0, minor = 0 } = entry;
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void => {
    const fits = value >= 0 && value < 8 ** (width - 1);
    header.write((fits ? value : 0).toString(8).padStart(width - 1, '0'), at, width - 1, 'latin1');
  };
  Buffer.from(name).copy(header, 0, 0, NAME);
  octal(mode & 0o7777, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(Number(time / 1_000_000_000n), 136, 12);
  header.write(flag, 156, 1, 'latin1');
  Buffer.from(link).copy(header, 157, 0, NAME);
  header.write('ustar\x0000', 257, 8, 'latin1');
  octal(major, 329, 8);
  octal(minor, 337, 8);
  return writeSum(header);
}
