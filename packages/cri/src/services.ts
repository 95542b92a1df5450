import { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ControllerService, StoreService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import { LogsServiceService } from '@gantry/api/gantry/shim/v1/shim';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { PodNetworkServiceService } from '@gantry/api/gantry/network/v1/pods';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { connect, type ServiceClient } from '@gantry/rpc';

/** The services below gantry-cri. Nobody else calls them; a room takes what it needs of them. */
export interface Services {
  readonly containers: ServiceClient<typeof ContainersService>;
  readonly tasks: ServiceClient<typeof TasksService>;
  /** containerd's records of sandboxes, and who makes them. */
  readonly sandboxes: ServiceClient<typeof StoreService>;
  readonly controller: ServiceClient<typeof ControllerService>;
  readonly events: ServiceClient<typeof EventsService>;
  /** What runtimes say of themselves. */
  readonly introspection: ServiceClient<typeof IntrospectionService>;
  readonly logs: ServiceClient<typeof LogsServiceService>;
  /** containerd's records of images: names and labels. */
  readonly images: ServiceClient<typeof ImagesService>;
  /** What stands behind the names. */
  readonly imageStore: ServiceClient<typeof ImagesServiceService>;
  readonly trees: ServiceClient<typeof TreesServiceService>;
  /** Volumes that images declare. */
  readonly volumes: ServiceClient<typeof VolumesServiceService>;
  readonly snapshots: ServiceClient<typeof SnapshotsService>;
  /** What changed in a container's files, and where that lies. */
  readonly diff: ServiceClient<typeof DiffService>;
  readonly content: ServiceClient<typeof ContentService>;
  readonly leases: ServiceClient<typeof LeasesService>;
  /** Mounts that are held on the host. */
  readonly mounts: ServiceClient<typeof MountsService>;
  /** Pods on the network of a CNI configuration. */
  readonly cni: ServiceClient<typeof PodNetworkServiceService>;
  readonly network: ServiceClient<typeof NetworkServiceService>;
}

/** Connects on the first call, and again whenever a connection breaks. A call made while a service restarts waits for it. */
export function connectServices(socket: (name: string) => string): Services & { close(): void } {
  const defaults = { waitForReady: true };
  const supervisor = connect(socket('supervisor'), { defaults });
  const images = connect(socket('images'), { defaults });
  const network = connect(socket('network'), { defaults });
  return {
    containers: supervisor.client(ContainersService),
    tasks: supervisor.client(TasksService),
    sandboxes: supervisor.client(StoreService),
    controller: supervisor.client(ControllerService),
    events: supervisor.client(EventsService),
    introspection: supervisor.client(IntrospectionService),
    logs: supervisor.client(LogsServiceService),
    images: images.client(ImagesService),
    imageStore: images.client(ImagesServiceService),
    trees: images.client(TreesServiceService),
    volumes: images.client(VolumesServiceService),
    snapshots: images.client(SnapshotsService),
    diff: images.client(DiffService),
    content: images.client(ContentService),
    leases: images.client(LeasesService),
    mounts: supervisor.client(MountsService),
    cni: network.client(PodNetworkServiceService),
    network: network.client(NetworkServiceService),
    close() {
      for (const connection of [supervisor, images, network]) connection.close();
    },
  };
}
