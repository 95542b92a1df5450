import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import type { Descriptor } from '@gantry/api/containerd/types/types';
import { formatReference, isManifest, type Manifest, parentLabel, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { CacheSources } from '../frontend/dockerfile/classic/cache-sources';
import { blobLabels, readWhole } from '../worker/blobs';
import type { Services } from '../worker/services';
import { DOCUMENT_LIMIT } from '../sources/image/documents';

type Store = Pick<Services, 'images' | 'content' | 'inStore'>;

/** No Dockerfile has more steps. */
const MOST_PARENTS = 1000;

/** The classic builder's cache is its own: what --cache-from names says which of it counts, and whether any does. */
export async function withCache(
  store: Store,
  ctx: CallContext,
  asked: BuildImageRequest,
): Promise<{ readonly request: BuildImageRequest; readonly sources: CacheSources | undefined }> {
  if (asked.cacheFrom.length === 0) return { request: asked, sources: undefined };
  const found = await Promise.all(asked.cacheFrom.map((reference) => imageOf(store, ctx, reference)));
  const images = found.flatMap((target) => target ?? []);
  const chains = await Promise.all(images.map((image) => chainOf(store, ctx, image)));
  return {
    request: { ...asked, cacheFrom: [], noCache: asked.noCache || images.length === 0 },
    sources: { chains, whole: chains.every(({ length }) => length > 1) },
  };
}

/** The engine's image of this name, or of this id. */
async function imageOf({ images, inStore }: Store, ctx: CallContext, reference: string): Promise<Descriptor | undefined> {
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(reference)) {
    const { images: found } = await images.list(inStore(ctx), { filters: [`target.digest~="^(sha256:)?${reference}"`] });
    if (found[0]?.target !== undefined) return found[0].target;
  }
  try {
    const { image } = await images.get(inStore(ctx), { name: formatReference(withDefaultTag(parseReference(reference))) });
    return image?.target;
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'invalidArgument')) return undefined;
    throw error;
  }
}

/** An image and those that it was made from, as far as they are noted. */
async function chainOf(store: Store, ctx: CallContext, { digest, mediaType }: Descriptor): Promise<readonly string[]> {
  const chain = [digest];
  let parent = isManifest(mediaType) ? await parentOf(store, ctx, digest) : '';
  while (parent !== '' && chain.length < MOST_PARENTS) {
    chain.push(parent);
    parent = await parentOf(store, ctx, parent);
  }
  return chain;
}

async function parentOf(store: Store, ctx: CallContext, digest: string): Promise<string> {
  try {
    const { config }: Partial<Manifest> = JSON.parse((await readWhole(store, ctx, digest, DOCUMENT_LIMIT)).toString()) as object;
    return config === undefined ? '' : ((await blobLabels(store, ctx, config.digest))?.[parentLabel] ?? '');
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return '';
    throw error;
  }
}
