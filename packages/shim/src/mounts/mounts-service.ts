import type { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import { type CallContext, type Handlers, invalidArgument, notImplemented } from '@gantry/rpc';
import { checkIdentifier } from '../tasks/record';
import type { Activations } from './activations';

/** containerd.services.mounts.v1: mounts that are held for clients. Nobody collects them; who activates them deactivates them. */
export function mountsHandlers(activations: Activations): Handlers<typeof MountsService> {
  const within = ({ namespace }: CallContext): string => checkIdentifier('namespace', namespace);
  return {
    activate: async (ctx, request) => ({ info: await activations.activate(within(ctx), request) }),
    async deactivate(ctx, { name }) {
      await activations.deactivate(within(ctx), name);
      return {};
    },
    info: async (ctx, { name }) => ({ info: activations.info(within(ctx), name) }),
    async update(ctx, { info, updateMask }) {
      if (info === undefined) throw invalidArgument('mount must be set: invalid argument');
      const labels = labelsOf(activations.info(within(ctx), info.name).labels, info.labels, updateMask);
      return { info: await activations.relabel(within(ctx), info.name, labels) };
    },
    async *list(ctx, { filters }) {
      const [filter] = filters;
      if (filter !== undefined) throw notImplemented(`filter "${filter}" of mounts is not supported: not implemented`);
      for (const info of activations.list(within(ctx))) yield { info };
    },
  };
}

/** Labels are all that may change. A label without a value is none. */
function labelsOf(
  current: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
  mask: readonly string[] | undefined,
): Record<string, string> {
  let labels = { ...current };
  for (const path of mask === undefined || mask.length === 0 ? ['labels'] : mask) {
    if (path === 'labels') labels = { ...wanted };
    else if (path.startsWith('labels.')) labels[path.slice('labels.'.length)] = wanted[path.slice('labels.'.length)] ?? '';
    else throw invalidArgument(`cannot update "${path}" field of a mount: invalid argument`);
  }
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}
