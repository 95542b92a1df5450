import type { Descriptor as WireDescriptor } from '@gantry/api/containerd/types/types';
import { type Descriptor, type Digest, formatReference, mediaTypes, type Reference } from '@gantry/oci';
import { isFrom } from '@gantry/registry';
import { type CallContext, isErrorOf, notFound } from '@gantry/rpc';
import { blobLabels, readWhole } from '../../worker/blobs';
import type { Services } from '../../worker/services';
import { checkDocumentSize, DOCUMENT_LIMIT } from './documents';
import type { ImagePlace } from './place';

export type StoreServices = Pick<Services, 'images' | 'content' | 'inStore'>;

/** The image store's image of this name, or of its repository and digest; undefined when there is none. */
export async function storePlace(services: StoreServices, ctx: CallContext, reference: Reference): Promise<ImagePlace | undefined> {
  const root = await rootOf(services, ctx, reference);
  return root === undefined ? undefined : contentPlace(services, root);
}

/** An image whose blobs are in the content store. */
export function contentPlace(services: StoreServices, root: Descriptor): ImagePlace {
  return {
    root,
    read: (ctx) => async (descriptor) => {
      checkDocumentSize(descriptor.size, descriptor.digest);
      return readWhole(services, ctx, descriptor.digest, DOCUMENT_LIMIT);
    },
    fetch: async (ctx, { digest }) => {
      if ((await blobLabels(services, ctx, digest)) === undefined) throw notFound(`content ${digest} of image ${root.digest} is not here`);
    },
  };
}

async function rootOf(services: StoreServices, ctx: CallContext, reference: Reference): Promise<Descriptor | undefined> {
  const { digest } = reference;
  return (
    (await targetOf(services, ctx, formatReference(reference))) ??
    (digest === undefined ? undefined : ((await otherTag(services, ctx, reference, digest)) ?? fromThere(services, ctx, reference, digest)))
  );
}

/** An image of this repository with this digest, under whatever tag. */
async function otherTag(
  { images, inStore }: StoreServices,
  ctx: CallContext,
  { domain, path }: Reference,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const { images: found } = await images.list(inStore(ctx), { filters: [`target.digest==${digest}`] });
  const target = found.find(({ name }) => [':', '@'].some((next) => name.startsWith(`${domain}/${path}${next}`)))?.target;
  return target && descriptorOf(target);
}

/** A document of this digest that came from this repository, or went there. What came from elsewhere is not taken: whoever names a digest there has to have been let in there. */
async function fromThere(
  { content, inStore }: StoreServices,
  ctx: CallContext,
  reference: Reference,
  digest: Digest,
): Promise<Descriptor | undefined> {
  try {
    const { info } = await content.info(inStore(ctx), { digest });
    if (info === undefined || !isFrom(reference, info.labels)) return undefined;
    return { mediaType: mediaTypes.ociManifest, digest, size: Number(info.size) };
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}

async function targetOf({ images, inStore }: StoreServices, ctx: CallContext, name: string): Promise<Descriptor | undefined> {
  try {
    const { image } = await images.get(inStore(ctx), { name });
    return image?.target === undefined ? undefined : descriptorOf(image.target);
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}

const descriptorOf = ({ mediaType, digest, size }: WireDescriptor): Descriptor => ({
  mediaType,
  digest: digest as Digest,
  size: Number(size),
});
