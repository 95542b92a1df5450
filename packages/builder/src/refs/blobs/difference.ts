import type { Mount } from '@gantry/api/containerd/types/types';
import { type CallContext, internal } from '@gantry/rpc';
import type { Part } from '../layers/parts';
import { uploading } from '../../worker/content';
import type { BlobLayer } from '../ref';
import type { Snapshots, StoreServices } from '../snapshots';
import type { ViewSet } from '../trees/view-set';
import { UNCOMPRESSED } from './repack';

/** A layer's blob by containerd's diff service: what upper has against lower. */
export async function makeDifference(
  { services, snapshots, views }: { readonly services: StoreServices; readonly snapshots: Snapshots; readonly views: ViewSet },
  ctx: CallContext,
  part: Part,
  mediaType: string,
): Promise<BlobLayer> {
  const leased = snapshots.leased(ctx);
  const left = part.lower === undefined ? [] : (await views.of(ctx, part.lower)).mounts;
  // A service that takes only its own snapshots' mounts takes an empty one of them, too.
  const empty = part.upper === undefined ? await snapshots.view(ctx, '') : undefined;
  try {
    const right = (empty ?? (await views.of(ctx, part.upper))).mounts;
    return await difference({ services }, leased, { left, right, mediaType, id: part.id });
  } finally {
    if (empty !== undefined) await snapshots.remove(ctx, empty.key);
  }
}

interface Sides {
  readonly left: readonly Mount[];
  readonly right: readonly Mount[];
  readonly mediaType: string;
  readonly id: string;
}

async function difference(
  { services }: { readonly services: StoreServices },
  leased: CallContext,
  { left, right, mediaType, id }: Sides,
): Promise<BlobLayer> {
  const asked = { left: [...left], right: [...right], mediaType, labels: {}, sourceDateEpoch: undefined };
  const { diff } = await uploading(services.content, leased, (ref) => services.diff.diff(leased, { ...asked, ref }));
  if (diff === undefined) throw internal(`the diff service made nothing of tree ${id}`);
  const { info } = await services.content.info(leased, { digest: diff.digest });
  const diffId = info?.labels[UNCOMPRESSED] ?? diff.digest;
  return { blob: { mediaType: diff.mediaType, digest: diff.digest as BlobLayer['blob']['digest'], size: Number(diff.size) }, diffId };
}
