import type { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import { writtenBytes } from '../snapshots/written';
import { readTreeFiles } from '../snapshots/tree-files';
import type { Snapshotter } from '../snapshots/snapshotter';

export interface TreesDependencies {
  readonly snapshotters: Readonly<Record<string, Pick<Snapshotter, 'mounts' | 'usage'>>>;
  /** The name that an empty one means. */
  readonly fallback: string;
}

/** gantry.images.v1.TreesService. */
export function treeHandlers({ snapshotters, fallback }: TreesDependencies): Handlers<TreesServiceService> {
  const named = (name: string): Pick<Snapshotter, 'mounts' | 'usage'> => {
    const wanted = name === '' ? fallback : name;
    const found = Object.hasOwn(snapshotters, wanted) ? snapshotters[wanted] : undefined;
    if (found === undefined) throw invalidArgument(`snapshotter not loaded: ${wanted}`);
    return found;
  };
  return {
    readFiles: async (ctx, { snapshotter, snapshotKey, paths }) => {
      const relative = paths.find((path) => !path.startsWith('/'));
      if (relative !== undefined) throw invalidArgument(`path ${relative} is not absolute`);
      const contents = readTreeFiles(await named(snapshotter).mounts(ctx, snapshotKey), paths);
      return { files: contents.map((content) => ({ found: content !== undefined, content: content ?? Buffer.alloc(0) })) };
    },
    getWritten: async (ctx, { snapshotter, snapshotKey }) => {
      const of = named(snapshotter);
      const walked = await writtenBytes(await of.mounts(ctx, snapshotKey));
      return { size: BigInt(walked ?? (await of.usage(ctx, snapshotKey)).size) };
    },
  };
}
