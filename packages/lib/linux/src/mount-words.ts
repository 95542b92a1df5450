import { MS } from './constants';

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

/** Options of a mount as mount(2) takes them: flags, and what is the file system's own. Of words that contradict each other the last one counts. */
export function splitMountOptions(options: readonly string[]): { readonly flags: number; readonly data: readonly string[] } {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    if (Object.hasOwn(set, option)) flags |= set[option] ?? 0;
    else if (Object.hasOwn(clear, option)) flags &= ~(clear[option] ?? 0);
    else if (option !== '') data.push(option);
  }
  return { flags, data };
}
