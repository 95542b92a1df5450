import { closeSync, fstatSync, readlinkSync } from 'node:fs';
import type { Mount } from '@gantry/api/containerd/types/types';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { PathStat } from '@gantry/api/gantry/engine/v1/containers';
import type { Found } from '@gantry/linux/looks';
import { invalidArgument } from '@gantry/rpc/errors';
import { openInRoot, resolveInRoot } from '../../core/processes/container-root';
import { mountView, type ViewMapping } from '../archive/mount-view';
import { cleanPath, noSuchPath, statInRoot } from '../archive/stat';

/** All that a view of a container's root is made of. */
export interface ViewSpec {
  /** Directory for mount points that live for a moment. */
  readonly place: string;
  readonly rootfs: readonly Mount[];
  readonly mounts: readonly MountRecord[];
  readonly writable: boolean;
  readonly mapping?: ViewMapping;
}

/** A view of a container's root: a descriptor of its root directory. */
export function view({ place, rootfs, mounts, writable, mapping }: ViewSpec): Found<undefined> {
  return { value: undefined, fd: mountView(place, rootfs, mounts, writable, mapping) };
}

/** What a path of the container is; `id` is the container as the caller named it. */
export function statPath(spec: ViewSpec, id: string, asked: string): Found<PathStat> {
  return inView(spec, (root) => ({ value: statInRoot(root, id, asked) }));
}

/** The same with the directory that is to be packed: the one that the path asks for, or the root. */
export function openPath(spec: ViewSpec, id: string, asked: string): Found<PathStat> {
  const { fd: root = -1 } = view(spec);
  let kept = false;
  try {
    const value = statInRoot(root, id, asked);
    const { path, wantsDirectory } = cleanPath(asked);
    // Also the directory that a link at the end of the path leads to.
    if (wantsDirectory) return { value, fd: openInRoot(root, path) };
    kept = true;
    return { value, fd: root };
  } finally {
    if (!kept) closeSync(root);
  }
}

/** Where a directory to unpack something into lies: links on the way are followed. Throws for what is none. */
export function directory(spec: ViewSpec, id: string, asked: string): Found<string> {
  return inView(spec, (root) => {
    const fd = resolveInRoot(root, cleanPath(asked).path);
    if (fd === undefined) throw noSuchPath(asked, id);
    try {
      if (!fstatSync(fd).isDirectory()) throw invalidArgument('extraction point is not a directory');
      return { value: readlinkSync(`/proc/self/fd/${fd}`) };
    } finally {
      closeSync(fd);
    }
  });
}

function inView<T>(spec: ViewSpec, look: (root: number) => T): T {
  const { fd = -1 } = view(spec);
  try {
    return look(fd);
  } finally {
    closeSync(fd);
  }
}
