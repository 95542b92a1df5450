import { type Image, ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { familiarString, formatPlatform, type Platform, tryReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, internal, invalidArgument, isErrorOf, notFound } from '@gantry/rpc';
import type { Uses } from '../engine';
import { takenOver } from '../images/elsewhere';

type Needs = Uses<{ images: 'resolve' | 'adopt'; settings: 'imagesFrom' }>;

/** The image of a new container. Throws notFound `No such image: x:latest`, which makes the docker CLI pull. */
export async function resolveImage(engine: Needs, ctx: CallContext, ref: string, platform: Platform | undefined): Promise<Image> {
  if (ref === '') throw invalidArgument('no image was named');
  try {
    const request = ResolveRequest.fromPartial({
      ref,
      ...(platform === undefined
        ? {}
        : { platform: { os: platform.os, architecture: platform.architecture, variant: platform.variant ?? '' } }),
    });
    const image = await resolveOrAdopt(engine, ctx, request);
    if (image === undefined) throw internal(`images answered nothing for ${ref}`);
    return image;
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
    const reference = tryReference(ref);
    const name = reference === undefined ? ref : familiarString(withDefaultTag(reference));
    if (platform !== undefined && (await isThere(engine, ctx, ref)))
      throw notFound(`image with reference ${name} was found but does not provide the specified platform (${formatPlatform(platform)})`, {
        cause: error,
      });
    throw notFound(`No such image: ${name}`, { cause: error });
  }
}

/** An image that is not docker's and is Kubernetes' becomes docker's, too: no registry is asked for what is here. */
async function resolveOrAdopt(engine: Needs, ctx: CallContext, request: ResolveRequest): Promise<Image | undefined> {
  const wanted = { ...request, from: engine.settings.imagesFrom };
  return takenOver(engine.images, ctx, { wanted, action: async () => (await engine.images.resolve(ctx, request)).image });
}

/** Whether there is such an image for any platform. */
async function isThere(engine: Needs, ctx: CallContext, ref: string): Promise<boolean> {
  try {
    return (await engine.images.resolve(ctx, ResolveRequest.fromPartial({ ref }))).image !== undefined;
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return false;
    throw error;
  }
}
