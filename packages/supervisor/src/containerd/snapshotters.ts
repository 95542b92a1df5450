import type { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { CallContext, ServiceClient } from '@gantry/rpc';

/** Names of the snapshotters that gantry-images serves, the default one first. */
export type Snapshotters = (ctx: CallContext) => Promise<readonly string[]>;

export function askSnapshotters(images: Pick<ServiceClient<typeof ImagesServiceService>, 'getInfo'>): Snapshotters {
  return async (ctx) => {
    const { snapshotter, snapshotters } = await images.getInfo(ctx, {});
    return [snapshotter, ...snapshotters.filter((name) => name !== snapshotter)];
  };
}
