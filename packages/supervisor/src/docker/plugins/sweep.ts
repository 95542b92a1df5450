import { fromTimestamp } from '@gantry/api';
import { ignore, newContext } from '@gantry/rpc';
import { PLUGINS_NAMESPACE } from './places';
import type { ManagedPlugins } from './plugins';
import { PULLING } from './pull';
import { removeRootfs } from './rootfs';

/** Removes root file systems and images of plugins that were being made when their supervisor died. */
export async function sweepPlugins(plugins: ManagedPlugins, signal: AbortSignal): Promise<void> {
  const { records, stores } = plugins.needs;
  const ctx = newContext({ namespace: PLUGINS_NAMESPACE, signal });
  const { snapshotter } = await stores.imageStore.getInfo(ctx, {});
  const isOld = (made: Parameters<typeof fromTimestamp>[0] | undefined): boolean =>
    made !== undefined && fromTimestamp(made).getTime() < plugins.since;
  const keys = new Set(records.list().map(({ rootfsKey }) => rootfsKey));
  for await (const { info } of stores.snapshots.list(ctx, { snapshotter, filters: [] }))
    for (const { name, createdAt } of info)
      if (isOld(createdAt) && !keys.has(name)) await removeRootfs(stores, ctx, { key: name, snapshotter });
  const names = new Set(records.list().map(({ image }) => image));
  const { images } = await stores.images.list(ctx, { filters: [] });
  for (const { name, createdAt } of images)
    if (isOld(createdAt) && (name.startsWith(PULLING) || !names.has(name)))
      await stores.images.delete(ctx, { name, sync: false }).catch(ignore('notFound'));
}
