import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { Connection, ServiceClient } from '@gantry/rpc';
import type { Content } from './blobs';

/** What of the images service keeps plugins. */
export interface PluginStores {
  readonly content: Content;
  readonly images: Pick<ServiceClient<typeof ImagesService>, 'create' | 'update' | 'get' | 'delete' | 'list'>;
  readonly imageStore: Pick<ServiceClient<typeof ImagesServiceService>, 'getInfo' | 'pullArtifact' | 'pushArtifact'>;
  readonly snapshots: Pick<ServiceClient<typeof SnapshotsService>, 'prepare' | 'remove' | 'list'>;
  readonly diff: Pick<ServiceClient<typeof DiffService>, 'apply'>;
  readonly leases: Pick<ServiceClient<typeof LeasesService>, 'create' | 'delete' | 'list'>;
}

export function pluginStores(images: Connection): PluginStores {
  return {
    content: images.client(ContentService),
    images: images.client(ImagesService),
    imageStore: images.client(ImagesServiceService),
    snapshots: images.client(SnapshotsService),
    diff: images.client(DiffService),
    leases: images.client(LeasesService),
  };
}
