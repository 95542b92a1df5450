import type { PodSandboxStatsFilter } from '@gantry/api/runtime/v1/api';
import type { CallContext } from '@gantry/rpc';
import { ignore, notFound } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Services } from '../services';
import { type Pod, podOf } from './pod';

type FindNeeds = { readonly services: { readonly sandboxes: Pick<Services['sandboxes'], 'list' | 'get'> } };

/** All pods, in order of creation. */
export async function listPods({ services }: FindNeeds, ctx: CallContext): Promise<Pod[]> {
  const { list } = await services.sandboxes.list(ctx, { filters: [] });
  return list.flatMap((sandbox) => podOf(sandbox) ?? []);
}

/** Pods that all of a filter is true of, but for their state. */
export async function matchingPods(needs: FindNeeds, ctx: CallContext, filter: PodSandboxStatsFilter | undefined): Promise<Pod[]> {
  const { id = '', labelSelector = {} } = filter ?? {};
  return (await listPods(needs, ctx)).filter((pod) => pod.id.startsWith(id) && hasLabels(pod.config, labelSelector));
}

/** Whether all of a selector's labels are there. */
export const hasLabels = ({ labels }: { readonly labels: Labels }, selector: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

type Labels = Readonly<Record<string, string>>;

/** As kubelet gives them: the beginning of one is for people. */
export const isWholeId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** The one whose id it is, or begins with it; undefined: there is none. Of a whole id nothing else is read. */
export async function findPod(needs: FindNeeds, ctx: CallContext, text: string): Promise<Pod | undefined> {
  if (isWholeId(text)) {
    const found = await needs.services.sandboxes.get(ctx, { sandboxId: text }).catch(ignore('notFound'));
    return found?.sandbox === undefined ? undefined : podOf(found.sandbox);
  }
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
