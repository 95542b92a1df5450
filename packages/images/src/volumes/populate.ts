import { readdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { AT, hasCode, O, openMounts, RESOLVE, syscalls } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';
import type { NativeTree } from '../layers/native';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { VolumeStore } from './store';

/**
 * Docker's copy-up: an empty volume, or directory of one, gets what the image has at the place where it is mounted, with owners, modes and xattrs. The path is resolved inside
 * the image's tree, links too, so that nothing of the host is copied. False when the volume was not empty or the image has no such directory.
 */
export async function populate(
  deps: { readonly volumes: VolumeStore; readonly snapshotter: RecordedSnapshotter; readonly native: NativeTree },
  scope: Scope,
  request: { readonly volume: string; readonly snapshotKey: string; readonly path: string; readonly subpath: string },
): Promise<boolean> {
  const { volumes } = deps;
  volumes.get(request.volume);
  if (!request.path.startsWith('/')) throw invalidArgument(`path ${request.path} is not absolute`);
  await volumes.answers(request.volume);
  const target = openInside(volumes.mountpoint(request.volume), request.subpath);
  if (target === undefined) return false; // told at the start, which needs it
  try {
    return await fill(deps, scope, request, `/proc/${process.pid}/fd/${target}`);
  } finally {
    syscalls.close(target);
  }
}

/** Whether the image has a folder at the path, with something in it. */
export async function hasContent(
  { snapshotter }: { readonly snapshotter: RecordedSnapshotter },
  scope: Scope,
  request: { readonly snapshotKey: string; readonly path: string },
): Promise<boolean> {
  const stack = openMounts(await snapshotter.mounts(scope, request.snapshotKey));
  try {
    const source = openDirectory(stack, request.path);
    if (source === undefined) return false;
    try {
      return (await readdir(`/proc/self/fd/${source}`)).length > 0;
    } finally {
      syscalls.close(source);
    }
  } finally {
    syscalls.close(stack);
  }
}

async function fill(
  { snapshotter, native }: { readonly snapshotter: RecordedSnapshotter; readonly native: NativeTree },
  scope: Scope,
  request: { readonly snapshotKey: string; readonly path: string },
  data: string,
): Promise<boolean> {
  if ((await readdir(data)).length > 0) return false;
  const stack = openMounts(await snapshotter.mounts(scope, request.snapshotKey));
  try {
    const source = openDirectory(stack, request.path);
    if (source === undefined) return false;
    let empty: boolean;
    try {
      empty = (await readdir(`/proc/self/fd/${source}`)).length === 0;
      if (empty) copyOwner(source, data);
    } finally {
      syscalls.close(source);
    }
    if (empty) return false;
    const packing = native.pack(stack, { path: request.path });
    const extraction = native.extract(data, false);
    try {
      await pipeline(packing.output, extraction.input);
      await packing.done;
      await extraction.done;
    } catch (error) {
      packing.kill();
      extraction.kill();
      await packing.done;
      await extraction.done;
      throw error;
    }
    return true;
  } finally {
    syscalls.close(stack);
  }
}

function openInside(volume: string, subpath: string): number | undefined {
  const root = syscalls.openat(AT.FDCWD, volume, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  try {
    return openDirectory(root, subpath);
  } finally {
    syscalls.close(root);
  }
}

function openDirectory(root: number, path: string): number | undefined {
  try {
    return syscalls.openat2(root, path.replace(/^\/+/, '') || '.', {
      flags: O.RDONLY | O.DIRECTORY | O.CLOEXEC,
      resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS,
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** An empty directory of the image still says who owns the volume. */
function copyOwner(source: number, target: string): void {
  const { uid, gid, mode } = syscalls.statx(source, '', AT.EMPTY_PATH);
  syscalls.fchownat(AT.FDCWD, target, uid, gid, 0);
  syscalls.fchmodat(AT.FDCWD, target, mode & 0o7777);
}
