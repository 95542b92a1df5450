import { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { IntrospectionService } from '@gantry/api/containerd/services/introspection/v1/introspection';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import { NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { StreamingService } from '@gantry/api/containerd/services/streaming/v1/streaming';
import { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { HoldersServiceService, LogsServiceService } from '@gantry/api/gantry/shim/v1/shim';
import type { Connection, Handlers, RpcServer } from '@gantry/rpc';
import type { Envelopes } from '../core/events';
import type { Records } from '../core/records';
import type { RuntimeTable } from '../core/runtimes';
import type { Sandboxes } from '../core/sandboxes';
import type { Tasks } from '../core/tasks';
import { containersHandlers, type DockerContainers } from './containers/containers';
import { snapshotLeases } from './containers/lease';
import { eventsHandlers } from './events/events-service';
import { forwardContainerdService } from './forwarded';
import { requireNamespace } from './identifiers';
import { introspectionHandlers } from './introspection/introspection';
import { describeRuntime } from './introspection/runtime-info';
import { imagesServiceContents } from './namespaces/contents';
import { askSnapshotters } from './snapshotters';
import { namespaceHandlers } from './namespaces/namespaces';
import { addSandboxServices } from './sandboxes/services';
import { checkpointImages } from './tasks/checkpoint-images';
import { LONG_TASK_CALLS, tasksHandlers } from './tasks/tasks';
import { versionHandlers } from './version';

export interface FaceNeeds {
  readonly records: Records;
  readonly engineNamespace: string;
  readonly sandboxes: Sandboxes;
  readonly tasks: Tasks;
  readonly envelopes: Envelopes;
  readonly runtimes: RuntimeTable;
  readonly docker: DockerContainers;
  /** The images service: what this face does not do itself is passed to it byte for byte. */
  readonly images: Connection;
  /** The shim: holds clients' mounts. */
  readonly shim: Connection;
  readonly runRoot: string;
  readonly uuid: string;
  readonly build: { readonly version: string; readonly revision: string };
  /** Directory of the running bundle. */
  readonly here: string;
  /** Of the running host, see /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
}

/** Services of containerd that the images service answers. */
const FORWARDED = [ContentService, DiffService, ImagesService, LeasesService, SnapshotsService, StreamingService, TransferService];

/** containerd's containers and tasks, for callers in this process. */
export interface FaceHandlers {
  readonly containers: Handlers<typeof ContainersService>;
  readonly tasks: Handlers<typeof TasksService>;
}

/** Adds containerd's services to the server, which must have an empty default namespace. */
export function addContainerdFace(server: RpcServer, needs: FaceNeeds): FaceHandlers {
  const { records, sandboxes, tasks, envelopes, runtimes, docker, images, shim, runRoot } = needs;
  const snapshots = images.client(SnapshotsService);
  const snapshotters = askSnapshotters(images.client(ImagesServiceService));
  const contents = imagesServiceContents({
    images: images.client(ImagesService),
    content: images.client(ContentService),
    snapshots,
    snapshotters,
  });
  const leases = snapshotLeases(images.client(LeasesService));
  const checkpoints = checkpointImages({
    snapshots,
    snapshotters,
    diff: images.client(DiffService),
    content: images.client(ContentService),
    leases: images.client(LeasesService),
  });

  server.addService(VersionService, versionHandlers(needs.build));
  const describe = describeRuntime({ runtimes, build: needs.build, here: needs.here });
  server.addService(IntrospectionService, introspectionHandlers({ uuid: needs.uuid, snapshotters, describe }));
  server.addService(NamespacesService, namespaceHandlers({ records, engineNamespace: needs.engineNamespace, envelopes, contents }));
  server.addService(EventsService, eventsHandlers(envelopes));
  const containerHandlers = containersHandlers({ records, tasks, leases, docker });
  server.addService(ContainersService, requireNamespace<typeof ContainersService>(containerHandlers));
  addSandboxServices(server, {
    records,
    sandboxes,
    envelopes,
    runtimes,
    bootId: needs.bootId,
    holders: shim.client(HoldersServiceService),
  });
  const taskHandlers = tasksHandlers({ records, sandboxes, tasks, snapshots, runtimes, checkpoints, runRoot });
  server.addService(TasksService, requireNamespace<typeof TasksService>(taskHandlers), { longCalls: [...LONG_TASK_CALLS] });
  const ensureNamespace = (name: string): void => {
    if (records.namespaces.get(name) === undefined) records.namespaces.create(name, {});
  };
  for (const service of FORWARDED) forwardContainerdService(server, service, { target: images, ensureNamespace });
  forwardContainerdService(server, LogsServiceService, { target: shim, ensureNamespace });
  forwardContainerdService(server, MountsService, { target: shim, ensureNamespace });
  return { containers: containerHandlers, tasks: taskHandlers };
}
