import type { ImagesServiceService, PushRequest } from '@gantry/api/gantry/images/v1/images';
import { formatReference, repositoryName, tryReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, isErrorOf, type ServiceClient } from '@gantry/rpc';

type Images = Pick<ServiceClient<typeof ImagesServiceService>, 'adopt' | 'list' | 'resolve'>;

/** What is to be pushed is docker's from now on where docker does not have it and that namespace has: a push notes by which digest a registry knows it. */
export async function takeOverForPush(
  images: Images,
  ctx: CallContext,
  { ref, allTags, platform }: PushRequest,
  from: string,
): Promise<void> {
  const reference = tryReference(ref);
  if (from === '' || reference === undefined || reference.digest !== undefined) return;
  const name = formatReference(withDefaultTag(reference));
  const wanted = allTags ? await tagsThere(images, ctx, repositoryName(reference), from) : [name];
  if (!allTags && (await has(images, ctx, name))) return;
  for (const each of wanted)
    await images.adopt(ctx, { ref: each, platform, from }).catch((error: unknown) => {
      if (!isErrorOf(error, 'notFound')) throw error; // the push says so in its own words
    });
}

/** All tags that a repository has there, unless docker has one of it. */
async function tagsThere(images: Images, ctx: CallContext, repository: string, from: string): Promise<string[]> {
  const tags = async (where: CallContext): Promise<string[]> =>
    (await images.list(where, { all: true, filters: {}, sharedSize: false })).images
      .flatMap(({ repoTags }) => repoTags)
      .filter((tag) => {
        const reference = tryReference(tag);
        return reference !== undefined && repositoryName(reference) === repository;
      });
  return (await tags(ctx)).length > 0 ? [] : tags({ ...ctx, namespace: from });
}

async function has(images: Images, ctx: CallContext, ref: string): Promise<boolean> {
  try {
    return (await images.resolve(ctx, { ref, platform: undefined })).image !== undefined;
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return false;
    throw error;
  }
}
