import type { Descriptor } from '@gantry/api/containerd/types/types';
import { type CallContext, failedPrecondition, ignore } from '@gantry/rpc';
import type { PluginStores } from './stores';

/** A root file system as it lies on the host. */
export interface Rootfs {
  readonly path: string;
  readonly snapshotter: string;
}

/**
 * Lays layers out, one over the other, into a snapshot of no parent: one folder, which stays while the plugin is disabled, and in which the host finds what the plugin
 * names. Nothing is left of it when it fails.
 */
export async function layRootfs(stores: PluginStores, ctx: CallContext, key: string, layers: readonly Descriptor[]): Promise<Rootfs> {
  const { snapshotter } = await stores.imageStore.getInfo(ctx, {});
  // No lease has it: such a snapshot stays until it is removed.
  const { lease: _lease, ...own } = ctx;
  const { mounts } = await stores.snapshots.prepare(own, { snapshotter, key, parent: '', labels: {} });
  try {
    const [mount, ...more] = mounts;
    if (mount?.type !== 'bind' || more.length > 0)
      throw failedPrecondition(`snapshotter ${snapshotter} shows no folder of the host: managed plugins need one`);
    for (const diff of layers) await stores.diff.apply(ctx, { diff, mounts, payloads: {}, syncFs: false });
    return { path: mount.source, snapshotter };
  } catch (error) {
    await removeRootfs(stores, own, { key, snapshotter }).catch(() => undefined); // the failure is told
    throw error;
  }
}

export async function removeRootfs(
  { snapshots }: Pick<PluginStores, 'snapshots'>,
  ctx: CallContext,
  { key, snapshotter }: { readonly key: string; readonly snapshotter: string },
): Promise<void> {
  await snapshots.remove(ctx, { snapshotter, key }).catch(ignore('notFound'));
}
