import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Services } from '../worker/services';

type Store = Pick<Services, 'images' | 'inStore'>;

/** The classic builder's cache is its own: what --cache-from names says whether it counts. */
export async function withCache(store: Store, ctx: CallContext, asked: BuildImageRequest): Promise<BuildImageRequest> {
  if (asked.cacheFrom.length === 0) return asked;
  const found = await Promise.all(asked.cacheFrom.map((reference) => hasImage(store, ctx, reference)));
  return { ...asked, cacheFrom: [], noCache: asked.noCache || !found.includes(true) };
}

/** Whether the engine's store has an image of this name, or of this id. */
async function hasImage({ images, inStore }: Store, ctx: CallContext, reference: string): Promise<boolean> {
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(reference)) {
    const { images: found } = await images.list(inStore(ctx), { filters: [`target.digest~="^(sha256:)?${reference}"`] });
    if (found.length > 0) return true;
  }
  try {
    await images.get(inStore(ctx), { name: formatReference(withDefaultTag(parseReference(reference))) });
    return true;
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'invalidArgument')) return false;
    throw error;
  }
}
