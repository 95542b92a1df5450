import { type CallContext, ignore, notFound } from '@gantry/rpc';
import type { Members } from '../members';
import { byPrefix, isWholeId } from '../sandboxes/find';
import type { Services } from '../services';
import { type Contained, containedOf } from './record';

type FindNeeds = { readonly services: { readonly containers: Pick<Services['containers'], 'list' | 'get'> } };

/** All containers of pods, in order of creation. */
export async function listContainers({ services }: FindNeeds, ctx: CallContext): Promise<Contained[]> {
  const { containers } = await services.containers.list(ctx, { filters: [] });
  return containers.flatMap((record) => containedOf(record) ?? []);
}

/** The one whose id it is, or begins with it; undefined: there is none. kubelet gives whole ids: nothing else is read then. */
export async function findContainer(needs: FindNeeds, ctx: CallContext, text: string): Promise<Contained | undefined> {
  if (isWholeId(text)) return getContainer(needs, ctx, text);
  return byPrefix(await listContainers(needs, ctx), text);
}

export async function requireContainer(needs: FindNeeds, ctx: CallContext, text: string): Promise<Contained> {
  const found = await findContainer(needs, ctx, text);
  if (found === undefined) throw notFound(`an error occurred when try to find container "${text}": not found`);
  return found;
}

export async function getContainer({ services }: FindNeeds, ctx: CallContext, id: string): Promise<Contained | undefined> {
  const found = await services.containers.get(ctx, { id }).catch(ignore('notFound'));
  return found?.container === undefined ? undefined : containedOf(found.container);
}

/** Those of one pod, in order of creation: its members are read, not all. */
export async function containersOf(
  needs: FindNeeds & { readonly members: Pick<Members, 'of'> },
  ctx: CallContext,
  podId: string,
): Promise<Contained[]> {
  const all = await Promise.all(needs.members.of(podId).map((id) => getContainer(needs, ctx, id)));
  return all.filter((container) => container !== undefined);
}
