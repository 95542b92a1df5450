import { type CallContext, notFound } from '@gantry/rpc';
import { byPrefix } from '../sandboxes/find';
import type { Services } from '../services';
import { type Contained, containedOf } from './record';

type FindNeeds = { readonly services: { readonly containers: Pick<Services['containers'], 'list'> } };

/** All containers of pods, in order of creation. */
export async function listContainers({ services }: FindNeeds, ctx: CallContext): Promise<Contained[]> {
  const { containers } = await services.containers.list(ctx, { filters: [] });
  return containers.flatMap((record) => containedOf(record) ?? []);
}

/** The one whose id it is, or begins with it; undefined: there is none. */
export async function findContainer(needs: FindNeeds, ctx: CallContext, text: string): Promise<Contained | undefined> {
  return byPrefix(await listContainers(needs, ctx), text);
}

export async function requireContainer(needs: FindNeeds, ctx: CallContext, text: string): Promise<Contained> {
  const found = await findContainer(needs, ctx, text);
  if (found === undefined) throw notFound(`an error occurred when try to find container "${text}": not found`);
  return found;
}
