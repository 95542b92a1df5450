import { join } from 'node:path';
import type { TreeProgram } from '@gantry/native';
import { type CallContext, type Logger, newContext } from '@gantry/rpc';
import type { Store } from '../store';
import { Blobs } from './blobs/blobs';
import { Checksums } from './digests/checksum';
import { DigestFiles } from './digests/files';
import { DigestNotes } from './digests/notes';
import { Fetchers } from './layers/fetchers';
import { fillLayer } from './layers/fill';
import { layerMadeHere } from './layers/made-here';
import { Layout } from './layers/lay';
import { diffTrees, mergeTrees } from './layers/combine';
import { refOfLayers } from './layers/of-layers';
import { partsOf } from './layers/parts';
import { secureLayers } from './layers/secure';
import { LinkingStacker } from './layers/stack-parts';
import { Holds } from './records/holds';
import type { TreeRecord } from './records/record';
import { RecordTable } from './records/table';
import { reconcile } from './reconcile';
import type { Ref, Refs } from './ref';
import { Snapshots, type StoreServices } from './snapshots';
import { CacheTrees } from './trees/cache-trees';
import { PassingTrees } from './trees/passing';
import { Views } from './trees/view';
import { prepareTree } from './trees/working';
import { ImageLayers } from './usage/image-layers';
import { pruneBy } from './usage/prune';
import { removeRecord } from './usage/remove';
import { usageOf } from './usage/usage';

export interface RefsOptions {
  readonly services: StoreServices;
  readonly store: Store;
  readonly logger: Logger;
  /** The C program, as `new TreeProgram(locateProgram(…))`. */
  readonly program: Pick<TreeProgram, 'run'>;
  /** Folder of the builder below the data root; what is kept there may be lost. */
  readonly data: string;
  /** Folder of the builder below the run root. */
  readonly run: string;
}

/** The trees with what only their composition needs. */
export interface MadeRefs extends Refs {
  /** Puts lease and records in order, and has to be waited for before anything else is asked. */
  start(ctx?: CallContext): Promise<void>;
  /** Whether there is a record of this id, also one whose layers nobody has told yet where to get. */
  knows(id: string): boolean;
}

/** Makes the room of trees. */
export function makeRefs({ services, store, logger, program, data, run }: RefsOptions): MadeRefs {
  const records = new RecordTable(store);
  const snapshots = new Snapshots(services);
  const holds = new Holds((id) => {
    records.used(id, Date.now());
    caches.released(id);
    passing.released(id);
  });
  const fetchers = new Fetchers(records, snapshots);
  const layout = new Layout({ snapshots, records, fetchers, stacker: new LinkingStacker({ snapshots, records, program }) });
  const views = new Views({ snapshots, layout, empty: join(run, 'empty') });
  const notes = new DigestNotes();
  const files = new DigestFiles(join(data, 'digests'));
  const checksums = new Checksums({ records, views, program, notes, files });
  const images = new ImageLayers(services);
  const removal = { records, snapshots, files, notes, fetchers };
  const remove = (ctx: CallContext, record: TreeRecord): Promise<void> => removeRecord(removal, ctx, record);
  const caches = new CacheTrees({ snapshots, layout, records, holds, logger, remove });
  const passing = new PassingTrees({ records, holds, logger, remove });
  const pruning = { ...removal, holds, images, folder: data };
  const blobs = new Blobs({ services, snapshots, records, fetchers, views, logger });
  const get = (id: string): Ref | undefined => {
    for (let at = records.get(id); ;) {
      if (at === undefined || !(at.kind !== 'layer' || fetchers.canBring(at))) return undefined;
      const [parent] = at.kind === 'layer' && at.snapshot === '' ? at.parents : [];
      if (parent === undefined) return holds.take(id);
      at = records.get(parent);
    }
  };
  return {
    async start(ctx = newContext()) {
      await reconcile({ services, snapshots, records, logger }, ctx);
      await files.keepOnly((name) => records.get(name) !== undefined);
    },
    knows: (id) => records.get(id) !== undefined,
    get,
    prepare: (ctx, parent, about) => prepareTree({ snapshots, layout, records, holds, notes }, ctx, parent, about),
    merge: (_ctx, inputs, about) => Promise.resolve(mergeTrees({ records, holds }, inputs, about)),
    diff: (_ctx, lower, upper, about) => Promise.resolve(diffTrees({ records, holds }, lower, upper, about)),
    ofLayers: (ctx, layers, about) => Promise.resolve(refOfLayers({ records, holds, fetchers }, ctx, layers, about)),
    secure: (ctx, ref) => secureLayers({ records, fetchers, snapshots }, ctx, ref),
    withTree: (ctx, ref, use) => views.with(ctx, ref, use),
    view: async (ctx, ref) => {
      const held = ref?.clone();
      try {
        const view = await views.open(ctx, held);
        return {
          mounts: view.mounts,
          release: async () => {
            await view.release();
            held?.release();
          },
        };
      } catch (error) {
        held?.release();
        throw error;
      }
    },
    layers: (ref) =>
      partsOf(records, ref?.id).map(({ id }) => {
        const record = records.get(id);
        const { blob, diffId } = record?.blob === undefined ? (records.madeBlob(id) ?? {}) : record;
        return {
          id,
          ...(blob === undefined ? {} : { blob }),
          ...(diffId === undefined ? {} : { diffId }),
          ...(record === undefined ? {} : { description: record.description, created: new Date(record.created) }),
        };
      }),
    blobs: (ctx, ref, how) => blobs.of(ctx, ref, how),
    fill: (ctx, diffId, mounts) => fillLayer({ records, views, program }, ctx, diffId, mounts),
    snapshotOf: (diffId) => layerMadeHere(records, diffId)?.snapshot,
    checksum: (ctx, ref, path, options) => checksums.of(ctx, ref, path, options),
    cacheTree: (ctx, key, options, about) => caches.open(ctx, key, options, about),
    dropCacheTrees: (key) => caches.drop(key),
    usage: (ctx, filters) => usageOf(pruning, ctx, filters),
    async prune(ctx, wishes, removed) {
      for (const wish of wishes) await pruneBy(pruning, ctx, wish, removed);
    },
  };
}
