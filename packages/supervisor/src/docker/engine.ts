import { join } from 'node:path';
import type { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, type Logger, type ServiceClient, shortSocketPath, type StreamBroker } from '@gantry/rpc';
import type { DockerEvents } from './events';
import type { Journal } from '../core/journal';
import type { DockerRecords } from './records';
import type { Sandboxes } from '../core/sandboxes';
import type { RuntimeTable } from '../core/runtimes';
import type { SeccompProfile } from '@gantry/spec';
import type { TaskEvents, Tasks } from '../core/tasks';
import type { IdRemap } from '../core/userns';
import type { ExecTable } from './exec/table';
import type { ContainerQueues } from '../core/queues/queue';
import type { Idempotence } from '../core/queues/idempotence';
import type { Lifecycle } from './exit/lifecycle';

/** What the engine is told by configuration. */
export interface EngineSettings {
  /** The supervisor's own durable directory. */
  readonly dataRoot: string;
  readonly runRoot: string;
  /** Boot id of the host (/proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
  readonly cgroupVersion: 1 | 2;
  /** Docker's default seccomp profile. */
  readonly seccomp: SeccompProfile;
  /** Static program that --init puts before the command; absent: --init is refused. */
  readonly initPath?: string;
  /** --init for containers that do not say. */
  readonly init: boolean;
  /** Resolvers, search domains and options for containers that name none (daemon.json: dns …). */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** Log driver and options of containers that name none. */
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  /** Address that host-gateway stands for; empty: the default bridge's. */
  readonly hostGatewayIp: string;
  readonly defaultShmSize: bigint;
  /** Seconds. */
  readonly stopTimeout: number;
  /** The ids of containers that do not ask for the host's; undefined: all have the host's. */
  readonly remap?: IdRemap | undefined;
  /** Path of gantry-native, which packs and unpacks foreign trees. Throws failedPrecondition when it is not installed. */
  readonly nativePath: () => string;
}

/** What every verb on containers works with. Constructed once by compose. */
export interface Engine {
  readonly settings: EngineSettings;
  readonly records: DockerRecords;
  readonly sandboxes: Sandboxes;
  readonly journal: Journal;
  readonly tasks: Tasks;
  readonly taskEvents: TaskEvents;
  readonly events: DockerEvents;
  readonly images: ServiceClient<ImagesServiceService>;
  readonly volumes: ServiceClient<VolumesServiceService>;
  readonly snapshots: ServiceClient<SnapshotsService>;
  readonly leases: ServiceClient<LeasesService>;
  readonly network: ServiceClient<NetworkServiceService>;
  readonly runtimes: RuntimeTable;
  readonly broker: StreamBroker;
  readonly logger: Logger;
  readonly queues: ContainerQueues;
  readonly once: Idempotence;
  readonly life: Lifecycle;
  readonly execs: ExecTable;
}

/** Durable directory of a container: logs, hosts, hostname, resolv.conf. */
export function containerDir(engine: Engine, id: string): string {
  return join(engine.settings.dataRoot, 'containers', id);
}

export function logPath(engine: Engine, id: string): string {
  return join(containerDir(engine, id), `${id}-json.log`);
}

/** Directory with config.json, handed to the shim. */
export function bundleDir(engine: Engine, id: string): string {
  return join(engine.settings.runRoot, 'tasks', engine.records.dockerNamespace, id);
}

/** Monitor socket of a container or exec. */
export function monitorSocket(engine: Engine, id: string): string {
  return shortSocketPath(engine.settings.runRoot, id);
}

/** The same call in docker's namespace, without the caller's own lease. */
export function inDockerNamespace(engine: Engine, ctx: CallContext): CallContext {
  const { lease: _lease, ...rest } = ctx;
  return { ...rest, namespace: engine.records.dockerNamespace };
}

/** Attributes that every event of a container carries. */
export function eventAttributes(docker: {
  readonly name: string;
  readonly config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> } | undefined;
}): Record<string, string> {
  return { ...docker.config?.Labels, image: docker.config?.Image ?? '', name: docker.name };
}

export function emitContainerEvent(
  engine: Engine,
  id: string,
  docker: Parameters<typeof eventAttributes>[0],
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  engine.events.emit({ type: 'container', action, id, attributes: { ...eventAttributes(docker), ...more } });
}

/** The present, RFC 3339 with nanoseconds. */
export { nowText } from '../core/time';
