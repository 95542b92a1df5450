import type { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import type { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { derive, type ServiceClient } from '@gantry/rpc';
import type { Snapshotters } from '../snapshotters';
import type { NamespaceContents } from './namespaces';

interface ContentClients {
  readonly images: ServiceClient<typeof ImagesService>;
  readonly content: ServiceClient<typeof ContentService>;
  readonly snapshots: ServiceClient<typeof SnapshotsService>;
  readonly snapshotters: Snapshotters;
}

/** Asks the images service what it holds in a namespace; the first object of each kind is enough. */
export function imagesServiceContents({ images, content, snapshots, snapshotters }: ContentClients): NamespaceContents {
  return {
    async inUse(ctx, namespace) {
      const inside = derive(ctx, { namespace });
      const found: string[] = [];
      if ((await images.list(inside, { filters: [] })).images.length > 0) found.push('images');
      for await (const { info } of content.list(inside, { filters: [] })) {
        if (info.length === 0) continue;
        found.push('blobs');
        break;
      }
      for (const snapshotter of await snapshotters(inside)) {
        for await (const { info } of snapshots.list(inside, { snapshotter, filters: [] })) {
          if (info.length === 0) continue;
          found.push(`snapshots on "${snapshotter}" snapshotter`);
          break;
        }
      }
      return found;
    },
  };
}
