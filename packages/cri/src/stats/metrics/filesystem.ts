import { readFile, readlink, statfs } from 'node:fs/promises';
import { basename } from 'node:path';

/** The file system that writable layers are on. */
export interface Filesystem {
  readonly device: string;
  readonly bytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}

export async function filesystemOf(path: string): Promise<Filesystem> {
  const { bsize, blocks, files, ffree } = await statfs(path, { bigint: true });
  return {
    device: sourceOf(await readFile('/proc/self/mountinfo', 'utf8'), path),
    bytes: bsize * blocks,
    inodes: files,
    freeInodes: ffree,
  };
}

/** What is mounted where the path lies: the last of the longest mount points above it. */
export function sourceOf(mountinfo: string, path: string): string {
  let found = { target: '', source: '' };
  for (const line of mountinfo.split('\n')) {
    const [mount = '', rest = ''] = line.split(' - ');
    const target = mount.split(' ')[4] ?? '';
    if (target.length >= found.target.length && (target === '/' || path === target || path.startsWith(`${target}/`)) && target !== '')
      found = { target, source: rest.split(' ')[1] ?? '' };
  }
  return found.source;
}

/** Its name below /dev; empty: the kernel knows no such device. */
export async function deviceName(major: bigint, minor: bigint): Promise<string> {
  const link = await readlink(`/sys/dev/block/${major}:${minor}`).catch(() => '');
  return link === '' ? '' : `/dev/${basename(link)}`;
}
