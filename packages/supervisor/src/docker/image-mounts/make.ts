import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import type { CallContext } from '@gantry/rpc';
import { resolveImage } from '../create/image';
import type { Uses } from '../engine';

/** An image whose files a container mounts. */
export interface ImageView {
  readonly destination: string;
  readonly imageId: string;
  readonly snapshotter: string;
  readonly key: string;
  /** Chain id of its layers; empty for an image without any. */
  readonly parent: string;
}

/** The images that the mounts name. Throws notFound `No such image: x:latest`. */
export function planImageViews(
  engine: Parameters<typeof resolveImage>[0],
  ctx: CallContext,
  id: string,
  mounts: readonly MountRecord[],
): Promise<ImageView[]> {
  return Promise.all(
    mounts
      .filter(({ type }) => type === 'image')
      .map(async ({ name, destination }, at) => {
        const image = await resolveImage(engine, ctx, name, undefined);
        return { destination, imageId: image.id, snapshotter: image.snapshotter, key: `${id}-image-${at}`, parent: image.chainId };
      }),
  );
}

/** Makes the snapshots that show the images' files, under the container's lease: the files stay though the image goes. */
export async function makeImageViews(
  engine: Uses<{ snapshots: 'view' }>,
  ctx: CallContext,
  id: string,
  views: readonly ImageView[],
): Promise<void> {
  for (const { snapshotter, key, parent } of views)
    await engine.snapshots.view(ctx, { snapshotter, key, parent, labels: { 'gantry.io/container': id } });
}

/** A mount with the view that belongs to it. */
export function withView(mount: MountRecord, views: readonly ImageView[]): MountRecord {
  const view = views.find(({ destination }) => mount.type === 'image' && destination === mount.destination);
  if (view === undefined) return mount;
  return { ...mount, imageId: view.imageId, snapshotter: view.snapshotter, snapshotKey: view.key };
}
