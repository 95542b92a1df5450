import { readdir } from 'node:fs/promises';
import type { Mount } from '@gantry/api/containerd/types/types';
import { MountType } from '@gantry/api/pb/ops';
import { withMounts as mounted } from '@gantry/linux';
import { type Descriptor, mediaTypes } from '@gantry/oci';
import { type CallContext, internal } from '@gantry/rpc';
import { solvedOf } from '../bridge/outcomes';
import type { Outcome } from '../frontend/frontend';
import type { LazyLayer, Refs } from '../refs/ref';
import type { Step } from '../solver/step';
import type { ContentServices } from '../worker/blobs';
import { uploading } from '../worker/content';
import type { Services } from '../worker/services';
import { underLease } from '../worker/work-lease';
import { UNCOMPRESSED } from './config';
import type { MarshalledCache } from './marshal';

/** What carries the trees of cache mounts needs of the builder and of the services below it. */
export interface MountParts {
  readonly refs: Pick<Refs, 'cacheTree'>;
  readonly services: ContentServices & Pick<Services, 'diff' | 'leases'>;
}

export interface BringParts extends MountParts {
  /** Whether mounts show nothing; looked at, where it is not told. */
  readonly isEmpty?: (mounts: readonly Mount[]) => Promise<boolean>;
}

const about = (id: string) => ({ description: `cached mount with id "${id}", carried with a cache`, type: 'exec.cachemount' as const });

/** Ids of the cache mounts that steps of outcomes have. Those on a base of their own stay: the base is not carried with them. */
export function mountIds(outcomes: Iterable<Outcome>): string[] {
  const ids = new Set<string>();
  const seen = new Set<Step>();
  const stack = [...outcomes].flatMap((outcome) => solvedOf(outcome)?.step ?? []);
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    for (const { mountType, cacheOpt, input, dest } of step.vertex.op.exec?.mounts ?? [])
      if (mountType === MountType.CACHE && input < 0n) ids.add(cacheOpt?.ID || dest);
    stack.push(...step.inputs.map((each) => each.step));
  }
  return [...ids].sort();
}

/**
 * Runs `use` with the cache and the trees of cache mounts in it: one layer each, named in the configuration's member `mounts`, which nobody else reads. The blobs
 * are held by a lease until it is done.
 */
export async function withMounts<T>(
  { refs, services }: MountParts,
  ctx: CallContext,
  { cache, ids }: { readonly cache: MarshalledCache; readonly ids: readonly string[] },
  use: (cache: MarshalledCache) => Promise<T>,
): Promise<T> {
  if (ids.length === 0) return use(cache);
  return underLease(services, services.inStore(ctx), async (leased) => {
    const made: Descriptor[] = [];
    for (const id of ids) made.push(await blobOf({ refs, services }, leased, id));
    const { layers = [] } = cache.config;
    return use({
      layers: [...cache.layers, ...made],
      config: {
        ...cache.config,
        layers: [...layers, ...made.map(({ digest }) => ({ blob: digest, parent: -1 }))],
        mounts: ids.map((id, at) => ({ id, layer: layers.length + at })),
      },
    });
  });
}

/** The tree as a layer, whoever writes to it just now. */
async function blobOf({ refs, services }: MountParts, ctx: CallContext, id: string): Promise<Descriptor> {
  const tree = await refs.cacheTree(ctx, id, { base: undefined, shared: true }, about(id));
  try {
    const asked = { left: [], right: [...tree.mounts], mediaType: mediaTypes.ociLayerGzip, labels: {}, sourceDateEpoch: undefined };
    const { diff } = await uploading(services.content, ctx, (ref) => services.diff.diff(ctx, { ...asked, ref }));
    if (diff === undefined) throw internal(`the diff service made nothing of the cache mount ${id}`);
    const { info } = await services.content.info(ctx, { digest: diff.digest });
    return {
      mediaType: diff.mediaType,
      digest: diff.digest as Descriptor['digest'],
      size: Number(diff.size),
      annotations: { [UNCOMPRESSED]: info?.labels[UNCOMPRESSED] ?? diff.digest },
    };
  } finally {
    tree.release();
  }
}

/** Fills the tree of a cache mount with a layer, where it is empty: what is here is newer. */
export async function bringMount(
  { refs, services, isEmpty = showsNothing }: BringParts,
  ctx: CallContext,
  { id, layer }: { readonly id: string; readonly layer: LazyLayer },
): Promise<void> {
  const tree = await refs.cacheTree(ctx, id, { base: undefined, shared: true }, about(id));
  try {
    if (!(await isEmpty(tree.mounts))) return;
    await underLease(services, services.inStore(ctx), async (leased) => {
      await layer.fetch(leased);
      const { mediaType, digest, size } = layer.blob;
      const diff = { mediaType, digest, size: BigInt(size), annotations: {} };
      await services.diff.apply(leased, { diff, mounts: [...tree.mounts], payloads: {}, syncFs: false });
    });
  } finally {
    tree.release();
  }
}

const showsNothing = (mounts: readonly Mount[]): Promise<boolean> => mounted(mounts, async (path) => (await readdir(path)).length === 0);
