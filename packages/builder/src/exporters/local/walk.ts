import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stat } from '@gantry/api/fsutil/types/wire';
import { syscalls } from '@gantry/linux';
import { comparePaths } from '../../sources/local/walk-order';
import { wireMode } from '../../fsutil/mode';
import type { ExportedFile } from './exported-file';

/** Files that are looked at at once. */
const BATCH = 64;
const PIECE = 1 << 18;

export interface WalkOptions {
  /** Nanoseconds since 1970 that every file's time is; undefined: its own. */
  readonly time: bigint | undefined;
}

/**
 * The files of a tree in the order of the wire: by name, what lies in a folder right after it. The tree is a read-only snapshot, so what is looked at stays what it
 * is; links are never followed. Sockets are left out.
 */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<ExportedFile> {
  yield* folder(root, '', options, new Map());
}

async function* folder(root: string, path: string, options: WalkOptions, inodes: Map<string, string>): AsyncGenerator<ExportedFile> {
  const names = (await readdir(join(root, path), { encoding: 'buffer' })).map((name) => name.toString('latin1')).sort(comparePaths);
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH).map((name) => Buffer.from(name, 'latin1').toString());
    const found = await Promise.all(batch.map(async (name) => [name, await statusOf(join(root, path, name))] as const));
    for (const [name, status] of found) {
      if (status === undefined || status.isSocket()) continue;
      const own = path === '' ? name : `${path}/${name}`;
      yield await fileOf(root, own, status, options, inodes);
      if (status.isDirectory()) yield* folder(root, own, options, inodes);
    }
  }
}

/** Undefined for what overlayfs lists and does not find: a mark that hides something in a folder that lies on none. */
async function statusOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function fileOf(
  root: string,
  path: string,
  status: BigIntStats,
  { time }: WalkOptions,
  inodes: Map<string, string>,
): Promise<ExportedFile> {
  const full = join(root, path);
  const inode = `${status.dev}:${status.ino}`;
  const first = status.isFile() && status.nlink > 1n ? inodes.get(inode) : undefined;
  if (status.isFile() && status.nlink > 1n && first === undefined) inodes.set(inode, path);
  const stat: Stat = {
    path,
    mode: wireMode(Number(status.mode)),
    uid: Number(status.uid),
    gid: Number(status.gid),
    size: status.isFile() ? status.size : 0n,
    modTime: time ?? status.mtimeNs,
    linkname: status.isSymbolicLink() ? await readlink(full) : (first ?? ''),
    devmajor: deviceOf(status).major,
    devminor: deviceOf(status).minor,
    xattrs: xattrsOf(full),
  };
  return { stat, read: status.isFile() && first === undefined ? () => content(full) : undefined };
}

/** As the kernel packs device numbers. */
function deviceOf(status: BigIntStats): { readonly major: bigint; readonly minor: bigint } {
  if (!status.isCharacterDevice() && !status.isBlockDevice()) return { major: 0n, minor: 0n };
  const { rdev } = status;
  return { major: ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn), minor: (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn) };
}

function xattrsOf(path: string): Record<string, Buffer> {
  return Object.fromEntries(
    syscalls
      .llistxattr(path)
      .filter((name) => !name.startsWith('trusted.overlay.') && !name.startsWith('user.overlay.'))
      .flatMap((name) => {
        const value = syscalls.lgetxattr(path, name);
        return value === undefined ? [] : [[name, value] as const];
      }),
  );
}

async function* content(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
