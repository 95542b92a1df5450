import type { CallContext } from '@gantry/rpc';
import { notFound } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Services } from '../services';
import { type Pod, podOf } from './pod';

type FindNeeds = { readonly services: { readonly sandboxes: Pick<Services['sandboxes'], 'list'> } };

/** All pods, in order of creation. */
export async function listPods({ services }: FindNeeds, ctx: CallContext): Promise<Pod[]> {
  const { list } = await services.sandboxes.list(ctx, { filters: [] });
  return list.flatMap((sandbox) => podOf(sandbox) ?? []);
}

/** The one whose id it is, or begins with it; undefined: there is none. */
export async function findPod(needs: FindNeeds, ctx: CallContext, text: string): Promise<Pod | undefined> {
  return byPrefix(await listPods(needs, ctx), text);
}

export async function requirePod(needs: FindNeeds, ctx: CallContext, text: string): Promise<Pod> {
  const found = await findPod(needs, ctx, text);
  if (found === undefined) throw notFound(`an error occurred when try to find sandbox "${text}": not found`);
  return found;
}

/** Errors: unknown for no id at all and for the beginning of several. */
export function byPrefix<T extends { readonly id: string }>(all: readonly T[], text: string): T | undefined {
  if (text === '') throw unknown("prefix can't be empty");
  const matches = all.filter(({ id }) => id.startsWith(text));
  if (matches.length > 1) throw unknown(`Multiple IDs found with provided prefix: ${text}`);
  return matches[0];
}
