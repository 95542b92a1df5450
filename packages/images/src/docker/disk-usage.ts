import type { Image } from '@gantry/api/gantry/images/v1/images';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { Catalog } from './catalog';
import { listImages } from './list';

/** What images take: every layer counted once, and each image with the part that it shares. */
export async function diskUsage(deps: { readonly catalog: Catalog; readonly snapshotter: RecordedSnapshotter }, scope: Scope, wanted: boolean): Promise<{ layersSize: bigint; images: Image[] }> {
  if (!wanted) return { layersSize: 0n, images: [] };
  const chains = new Set([...(await deps.catalog.entries(scope)).values()].flatMap(({ image }) => image.chainIds));
  let layersSize = 0;
  for (const chain of chains) layersSize += deps.snapshotter.find(scope, chain)?.size ?? 0;
  return { layersSize: BigInt(layersSize), images: await listImages(deps.catalog, deps.snapshotter, scope, { all: true, filters: {}, sharedSize: true }) };
}
