import { realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { layersOf } from '@gantry/linux';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { Mount } from '../snapshots/snapshotter';

/** Directories on each other whose changes are recorded as overlayfs' whiteouts. */
export interface LayeredTree {
  readonly kind: 'layers';
  /** Where a change lands; undefined for a read-only stack. */
  readonly upper: string | undefined;
  /** Top first. */
  readonly lower: readonly string[];
}

/** One whole tree: what is deleted is simply gone. */
export interface WholeTree {
  readonly kind: 'whole';
  readonly mounts: readonly Mount[];
  readonly writable: boolean;
}

export interface Places {
  /** Directory of overlayfs' own snapshots. */
  readonly overlay: string;
  /** Directories of snapshotters whose snapshots are whole trees. */
  readonly whole: readonly string[];
  /** Whether a foreign snapshotter gave these mounts out. */
  readonly foreign: (mounts: readonly Mount[]) => boolean;
}

/** What lies behind the mounts of a snapshot, without mounting anything. Only snapshots: a caller of diff names no other place of the host. */
export class MountedTrees {
  constructor(private readonly places: Places) {}

  behind(mounts: readonly Mount[]): LayeredTree | WholeTree {
    const [mount] = mounts;
    if (mount === undefined) return { kind: 'layers', upper: undefined, lower: [] };
    const foreign = this.places.foreign(mounts);
    const writable = !mounts.some(({ options }) => options.includes('ro'));
    if (mounts.length === 1 && mount.type === 'overlay') return layered(mount, foreign ? undefined : this.places.overlay);
    if (foreign) return { kind: 'whole', mounts, writable };
    if (mounts.length > 1) throw notImplemented(`a diff of ${mounts.length} stacked mounts is not supported`);
    if (mount.type !== 'bind') throw notImplemented(`a diff of a mount of type ${mount.type} is not supported`);
    const source = realpathSync.native(mount.source);
    if (this.places.whole.some((root) => isBelow(source, root))) return { kind: 'whole', mounts: [{ ...mount, source }], writable };
    owns([source], this.places.overlay);
    return { kind: 'layers', upper: writable ? source : undefined, lower: writable ? [] : [source] };
  }
}

function layered(mount: Mount, root: string | undefined): LayeredTree {
  const all = root === undefined ? (layersOf(mount) ?? []) : owns(layersOf(mount) ?? [], root);
  const writable = mount.options.some((option) => option.startsWith('upperdir='));
  return { kind: 'layers', upper: writable ? all[0] : undefined, lower: writable ? all.slice(1) : all };
}

const isBelow = (path: string, root: string): boolean => path.startsWith(below(root));
/** In JavaScript realpath asks for each part of a path, and an overlay names all layers. */
const below = (root: string): string => join(realpathSync.native(root), sep);

function owns(paths: readonly string[], root: string): string[] {
  const place = below(root);
  return paths.map((path) => {
    const real = realpathSync.native(path);
    if (!real.startsWith(place)) throw invalidArgument(`${path} is not a snapshot's directory`);
    return real;
  });
}
