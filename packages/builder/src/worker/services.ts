import { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { StreamingService } from '@gantry/api/containerd/services/streaming/v1/streaming';
import { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, connect, derive, type ServiceClient } from '@gantry/rpc';

/** The services below the builder: containerd's contracts, and the network. Nobody else calls them; a room takes what it needs of them. */
export interface Services {
  readonly content: ServiceClient<typeof ContentService>;
  readonly images: ServiceClient<typeof ImagesService>;
  /** The image store's own words, where it is ours. */
  readonly ownImages: ServiceClient<typeof ImagesServiceService>;
  readonly snapshots: ServiceClient<typeof SnapshotsService>;
  readonly diff: ServiceClient<typeof DiffService>;
  readonly leases: ServiceClient<typeof LeasesService>;
  readonly transfer: ServiceClient<typeof TransferService>;
  readonly streaming: ServiceClient<typeof StreamingService>;
  readonly containers: ServiceClient<typeof ContainersService>;
  readonly tasks: ServiceClient<typeof TasksService>;
  readonly events: ServiceClient<typeof EventsService>;
  readonly namespaces: ServiceClient<typeof NamespacesService>;
  readonly introspection: ServiceClient<typeof IntrospectionService>;
  readonly version: ServiceClient<typeof VersionService>;
  readonly network: ServiceClient<typeof NetworkServiceService>;
  /** Containers of docker's users, where containerd is our supervisor. */
  readonly engine: ServiceClient<typeof ContainersServiceService>;
  /** Name of the snapshotter that holds all trees. */
  readonly snapshotter: string;
  /** Names of the two namespaces: of images, content, snapshots and leases, and of the containers and tasks of steps. */
  readonly namespaceNames: { readonly store: string; readonly steps: string };
  /** The same context in the namespace of images, content, snapshots and leases. */
  inStore(ctx: CallContext): CallContext;
  /** The same context in the namespace of the containers and tasks of steps. */
  inSteps(ctx: CallContext): CallContext;
}

/** Where they are. */
export interface Addresses {
  /** Socket of containerd: ours or another. */
  readonly containerd: string;
  /** Socket of what holds content, images, snapshots, diffs, leases and transfers; the same as containerd's where one process serves all. */
  readonly images: string;
  readonly network: string;
}

export interface ServiceOptions {
  readonly addresses: Addresses;
  readonly snapshotter: string;
  readonly namespaces: { readonly store: string; readonly steps: string };
}

/** Connects on the first call, and again whenever a connection breaks. A call made while a service restarts waits for it. */
export function connectServices({ addresses, snapshotter, namespaces }: ServiceOptions): Services & { close(): void } {
  const defaults = { waitForReady: true };
  const containerd = connect(addresses.containerd, { defaults });
  const store = addresses.images === addresses.containerd ? containerd : connect(addresses.images, { defaults });
  const network = connect(addresses.network, { defaults });
  return {
    content: store.client(ContentService),
    images: store.client(ImagesService),
    ownImages: store.client(ImagesServiceService),
    snapshots: store.client(SnapshotsService),
    diff: store.client(DiffService),
    leases: store.client(LeasesService),
    transfer: store.client(TransferService),
    streaming: store.client(StreamingService),
    containers: containerd.client(ContainersService),
    tasks: containerd.client(TasksService),
    events: containerd.client(EventsService),
    namespaces: containerd.client(NamespacesService),
    introspection: containerd.client(IntrospectionService),
    version: containerd.client(VersionService),
    network: network.client(NetworkServiceService),
    engine: containerd.client(ContainersServiceService),
    snapshotter,
    namespaceNames: namespaces,
    inStore: (ctx) => derive(ctx, { namespace: namespaces.store }),
    inSteps: (ctx) => derive(ctx, { namespace: namespaces.steps }),
    close() {
      for (const connection of new Set([containerd, store, network])) connection.close();
    },
  };
}
