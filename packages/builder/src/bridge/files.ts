import { open, readdir } from 'node:fs/promises';
import { AT, hasCode, O, RESOLVE, S, syscalls } from '@gantry/linux';
import { compileGlob } from '@gantry/oci/pattern';
import { type CallContext, invalidArgument, notFound } from '@gantry/rpc';
import type { FileStat } from '../frontend/frontend';
import { wireMode } from '../fsutil/mode';
import type { Ref, Refs } from '../refs/ref';

/** A file that travels in one message is no larger. */
const MOST_BYTES = 16 * 1024 * 1024;

type Trees = Pick<Refs, 'withTree'>;

/** Bytes of a regular file of a tree; links are followed inside the tree. */
export function readTreeFile(
  { withTree }: Trees,
  ctx: CallContext,
  {
    ref,
    path,
    range,
  }: {
    readonly ref: Ref | undefined;
    readonly path: string;
    readonly range?: { readonly offset: number; readonly length: number } | undefined;
  },
): Promise<Buffer> {
  return withTree(ctx, ref, (root) =>
    inTree(root, path, {}, async (fd) => {
      if (kind(fd) === S.IFDIR) throw invalidArgument(`read ${path}: is a directory`);
      if (kind(fd) !== S.IFREG) throw invalidArgument(`read ${path}: is not a regular file`);
      const file = await open(`/proc/self/fd/${fd}`, O.RDONLY);
      try {
        const { size } = await file.stat();
        const start = range?.offset ?? 0;
        const length = Math.min(range?.length ?? Infinity, Math.max(0, size - start));
        if (length > MOST_BYTES) throw invalidArgument(`read ${path}: ${length} bytes are more than ${MOST_BYTES}`);
        const into = Buffer.alloc(length);
        let got = 0;
        while (got < length) {
          const { bytesRead } = await file.read(into, got, length - got, start + got);
          if (bytesRead === 0) break;
          got += bytesRead;
        }
        return into.subarray(0, got);
      } finally {
        await file.close();
      }
    }),
  );
}

/** What a folder of a tree holds, by name; with a pattern only what it matches. */
export function readTreeFolder(
  { withTree }: Trees,
  ctx: CallContext,
  { ref, path, include }: { readonly ref: Ref | undefined; readonly path: string; readonly include: string },
): Promise<readonly FileStat[]> {
  const pattern = include === '' ? undefined : compileGlob(include);
  return withTree(ctx, ref, (root) =>
    inTree(root, path, {}, async (fd) => {
      if (kind(fd) !== S.IFDIR) throw invalidArgument(`readdir ${path}: not a directory`);
      const names = (await readdir(`/proc/self/fd/${fd}`)).filter((name) => pattern?.test(name) !== false).sort(byBytes);
      return names.map((name) => statAt(fd, name, name));
    }),
  );
}

/** What lies at a path of a tree; a link at its end is not followed. */
export function statTreeFile(
  { withTree }: Trees,
  ctx: CallContext,
  { ref, path }: { readonly ref: Ref | undefined; readonly path: string },
): Promise<FileStat> {
  return withTree(ctx, ref, (root) =>
    inTree(root, path, { nofollow: true }, async (fd) => statAt(fd, '', path.split('/').filter(Boolean).at(-1) ?? '/')),
  );
}

/** Runs `use` with a descriptor (O_PATH) of what is at the path, found below the root whatever links say. */
async function inTree<T>(root: string, path: string, { nofollow = false }, use: (fd: number) => Promise<T>): Promise<T> {
  const folder = syscalls.openat(AT.FDCWD, root, O.PATH | O.DIRECTORY);
  try {
    const fd = find(folder, path, nofollow);
    try {
      return await use(fd);
    } finally {
      syscalls.close(fd);
    }
  } finally {
    syscalls.close(folder);
  }
}

function find(folder: number, path: string, nofollow: boolean): number {
  try {
    return syscalls.openat2(folder, path === '' ? '.' : path, { flags: O.PATH | (nofollow ? O.NOFOLLOW : 0), resolve: RESOLVE.IN_ROOT });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw notFound(`open ${path}: no such file or directory`, { cause: error });
    if (hasCode(error, 'ENOTDIR')) throw notFound(`open ${path}: not a directory`, { cause: error });
    throw error;
  }
}

const kind = (fd: number): number => syscalls.statx(fd, '', AT.EMPTY_PATH).mode & S.IFMT;
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function statAt(dir: number, name: string, path: string): FileStat {
  const found = syscalls.statx(dir, name, name === '' ? AT.EMPTY_PATH : AT.SYMLINK_NOFOLLOW);
  const type = found.mode & S.IFMT;
  return {
    path,
    mode: wireMode(found.mode),
    uid: found.uid,
    gid: found.gid,
    size: type === S.IFREG ? found.size : 0n,
    modTime: found.mtime * 1_000_000_000n + BigInt(found.mtimeNanos),
    linkname: type === S.IFLNK ? syscalls.readlinkat(dir, name) : '',
  };
}
