import { realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { Mount } from '../snapshots/snapshotter';

/** Directories behind mounts as a snapshotter gives them, without mounting anything. */
export interface Stack {
  /** Where a change lands; undefined for a read-only stack. */
  readonly upper: string | undefined;
  /** Top first. */
  readonly lower: readonly string[];
  /** Changes are recorded as overlayfs' whiteouts. */
  readonly overlay: boolean;
}

/** Only our own snapshot directories: a caller of diff names no other place of the host. */
export function stackOf(mounts: readonly Mount[], root: string): Stack {
  const [mount] = mounts;
  if (mount === undefined) return { upper: undefined, lower: [], overlay: false };
  if (mounts.length > 1) throw notImplemented(`a diff of ${mounts.length} stacked mounts is not supported`);
  if (mount.type === 'bind') {
    const source = own(mount.source, root);
    return mount.options.includes('ro') ? { upper: undefined, lower: [source], overlay: true } : { upper: source, lower: [], overlay: true };
  }
  if (mount.type !== 'overlay') throw notImplemented(`a diff of a mount of type ${mount.type} is not supported`);
  const value = (key: string): string | undefined => mount.options.find((option) => option.startsWith(`${key}=`))?.slice(key.length + 1);
  const upper = value('upperdir');
  const lower = (value('lowerdir') ?? '').split(':').filter((dir) => dir !== '');
  return { upper: upper === undefined ? undefined : own(upper, root), lower: lower.map((dir) => own(dir, root)), overlay: true };
}

function own(path: string, root: string): string {
  const real = realpathSync(path);
  if (!real.startsWith(join(realpathSync(root), sep))) throw invalidArgument(`${path} is not a snapshot's directory`);
  return real;
}
