import { type CallContext, failedPrecondition, ignore } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Services } from '../services';
import { type CatalogNeeds, findKnown, type KnownImage, listKnown, nameOf } from './catalog';

export type RemoveNeeds = CatalogNeeds & {
  readonly images: Pick<Services['images'], 'delete'>;
  readonly containers: Pick<Services['containers'], 'list'>;
};

/**
 * Takes one tag away, and with the last one (or by id or digest) the image. One that is pinned or that a container was made from stays: only a tag that
 * is not its last goes. What is not there is removed already.
 */
export async function removeImage(needs: RemoveNeeds, ctx: CallContext, text: string): Promise<void> {
  if (text === '') throw unknown('an image must be named');
  const image = findKnown(await listKnown(needs, ctx), text);
  if (image === undefined) return;
  const tag = nameOf(text);
  if (tag !== undefined && image.tags.includes(tag) && image.tags.length > 1) return forget(needs, ctx, [tag]);
  if (image.pinned) throw failedPrecondition(`image "${text}" is pinned`);
  const { containers } = await needs.containers.list(ctx, { filters: [] });
  const user = containers.find((container) => isOf(image, container.image));
  if (user !== undefined) throw failedPrecondition(`image "${text}" is in use by container "${user.id}"`);
  await forget(needs, ctx, image.names);
}

/** What a container's record calls its image: a name that it had, or its id. */
const isOf = ({ id, names }: KnownImage, image: string): boolean => image !== '' && (image === id || names.includes(image));

async function forget({ images }: RemoveNeeds, ctx: CallContext, names: readonly string[]): Promise<void> {
  for (const [at, name] of names.entries())
    await images.delete(ctx, { name, sync: at === names.length - 1, target: undefined }).catch(ignore('notFound'));
}
