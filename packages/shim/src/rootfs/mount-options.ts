import { MS } from '@gantry/linux';

/** Words of mount(8) that are flags; everything else is the file system's own data. */
const set: Readonly<Record<string, number>> = {
  ro: MS.RDONLY, nosuid: MS.NOSUID, nodev: MS.NODEV, noexec: MS.NOEXEC, sync: MS.SYNCHRONOUS, dirsync: MS.DIRSYNC, remount: MS.REMOUNT, mand: MS.MANDLOCK,
  noatime: MS.NOATIME, nodiratime: MS.NODIRATIME, relatime: MS.RELATIME, strictatime: MS.STRICTATIME, bind: MS.BIND, rbind: MS.BIND | MS.REC,
  nosymfollow: MS.NOSYMFOLLOW,
};
const clear: Readonly<Record<string, number>> = {
  rw: MS.RDONLY, suid: MS.NOSUID, dev: MS.NODEV, exec: MS.NOEXEC, async: MS.SYNCHRONOUS, nomand: MS.MANDLOCK, atime: MS.NOATIME, diratime: MS.NODIRATIME,
  norelatime: MS.RELATIME, nostrictatime: MS.STRICTATIME, defaults: 0,
};

export interface MountOptions {
  readonly flags: number;
  readonly data: string;
}

/** Options of a containerd mount as mount(2) takes them. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    if (Object.hasOwn(set, option)) flags |= set[option] ?? 0;
    else if (Object.hasOwn(clear, option)) flags &= ~(clear[option] ?? 0);
    else data.push(option);
  }
  return { flags, data: data.join(',') };
}
