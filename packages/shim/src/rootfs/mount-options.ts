import { MS } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';

/** Words of mount(8) that are flags; everything else is the file system's own data. */
const set: Readonly<Record<string, number>> = {
  ro: MS.RDONLY,
  nosuid: MS.NOSUID,
  nodev: MS.NODEV,
  noexec: MS.NOEXEC,
  sync: MS.SYNCHRONOUS,
  dirsync: MS.DIRSYNC,
  remount: MS.REMOUNT,
  mand: MS.MANDLOCK,
  noatime: MS.NOATIME,
  nodiratime: MS.NODIRATIME,
  relatime: MS.RELATIME,
  strictatime: MS.STRICTATIME,
  bind: MS.BIND,
  rbind: MS.BIND | MS.REC,
  nosymfollow: MS.NOSYMFOLLOW,
};
const clear: Readonly<Record<string, number>> = {
  rw: MS.RDONLY,
  suid: MS.NOSUID,
  dev: MS.NODEV,
  exec: MS.NOEXEC,
  async: MS.SYNCHRONOUS,
  nomand: MS.MANDLOCK,
  atime: MS.NOATIME,
  diratime: MS.NODIRATIME,
  norelatime: MS.RELATIME,
  nostrictatime: MS.STRICTATIME,
  defaults: 0,
};

export interface MountOptions {
  readonly flags: number;
  readonly data: string;
  /** containerd's options uidmap and gidmap: the ids that the files have for whoever looks at the mount. */
  readonly map: IdMapText | undefined;
}

/** Lines as the kernel reads them: INSIDE OUTSIDE COUNT. */
export interface IdMapText {
  readonly uids: string;
  readonly gids: string;
}

/** Options of a containerd mount as mount(2) takes them. Throws invalidArgument for a map that is none, or has no uids or no gids. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let flags = 0;
  const data: string[] = [];
  const maps: { uidmap?: string; gidmap?: string } = {};
  for (const option of options) {
    if (Object.hasOwn(set, option)) flags |= set[option] ?? 0;
    else if (Object.hasOwn(clear, option)) flags &= ~(clear[option] ?? 0);
    else if (option.startsWith('uidmap=') || option.startsWith('gidmap=')) maps[option.slice(0, 6) as 'uidmap'] = mapText(option);
    else data.push(option);
  }
  const { uidmap: uids, gidmap: gids } = maps;
  if ((uids === undefined) !== (gids === undefined)) throw invalidArgument('mount options uidmap and gidmap need each other');
  return { flags, data: data.join(','), map: uids === undefined || gids === undefined ? undefined : { uids, gids } };
}

function mapText(option: string): string {
  const ranges = option.slice('uidmap='.length).split(',');
  if (!ranges.every((range) => /^\d+:\d+:\d+$/.test(range)))
    throw invalidArgument(`mount option "${option}" is not made of INSIDE:OUTSIDE:COUNT`);
  return ranges.map((range) => `${range.replaceAll(':', ' ')}\n`).join('');
}
