import { join } from 'node:path';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import type { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import type { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import type { HoldersServiceService } from '@gantry/api/gantry/shim/v1/shim';
import type { CallContext, ServiceClient, StreamBroker } from '@gantry/rpc';
import type { DockerEvents } from './events';
import type { Core, CoreSettings } from '../core/core';
import { containerDir } from '../core/places';
import type { PodContainers } from './pods';
import type { DockerRecords } from './records';
import type { RuntimeTable } from '../core/runtimes';
import type { SeccompProfile } from '@gantry/oci/seccomp';
import type { TaskEvents, Tasks } from '../core/tasks';
import type { IdRemap } from '../core/userns';
import type { ExecTable } from './exec/table';
import type { Looker } from '@gantry/linux/looks';
import type { PluginPlaces } from '@gantry/service/plugins';
import type { LogForwarders } from './logs/forward/forwarders';
import type { StatsSampler } from './stats/sampler';
import type { LogBound } from './logs/options/file';
import type { ForeignLooks } from './looks';
import type { Idempotence } from '../core/queues/idempotence';

/** What the engine is told by configuration. */
export interface EngineSettings extends CoreSettings {
  readonly cgroupVersion: 1 | 2;
  /** The profile of containers that name none. */
  readonly seccomp: SeccompProfile | 'unconfined';
  /** What containers get that do not say: parent cgroup, limits, no-new-privileges, ipc mode, cgroup namespace (empty: by the cgroup version). */
  readonly cgroupParent: string;
  readonly ulimits: HostConfig['Ulimits'];
  readonly noNewPrivileges: boolean;
  readonly ipcMode: string;
  readonly cgroupNamespace: string;
  /** Whether containers go on when the engine stops, and how long they may all take when they do not: seconds, -1 without limit. */
  liveRestore: boolean;
  shutdownTimeout: number;
  /** Folders of the descriptions of devices that containers ask for by name (CDI). */
  readonly cdiSpecDirs: readonly string[];
  /** Where plugins of Docker's leave word of themselves, and those of logs find their FIFOs. */
  readonly plugins: PluginPlaces & { readonly logging: string };
  /** Static program that --init puts before the command; absent: --init is refused. */
  readonly initPath?: string;
  /** --init for containers that do not say. */
  readonly init: boolean;
  /** Resolvers, search domains and options for containers that name none (daemon.json: dns …). */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** File of the host's resolvers. */
  readonly resolvConf: string;
  /** Log driver and options of containers that name none. */
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  /** What bounds a log of json-file that has no size; undefined: nothing. */
  readonly logBound: LogBound | undefined;
  /** Namespace whose images containers are made from without a pull where docker has none of that name; empty: there is none. */
  readonly imagesFrom: string;
  /** Addresses that host-gateway stands for; none: the default bridge's. */
  readonly hostGatewayIps: readonly string[];
  /** Containers that name no network are on the default bridge; false: there is none, and they have none. */
  readonly defaultBridge: boolean;
  readonly defaultShmSize: bigint;
  /** Seconds. */
  readonly stopTimeout: number;
  /** The ids of containers that do not ask for the host's; undefined: all have the host's. */
  readonly remap?: IdRemap | undefined;
  /** Path of gantry-native, which packs and unpacks foreign trees. Throws failedPrecondition when it is not installed. */
  readonly nativePath: () => string;
}

/** What docker's verbs work with, beside what the core's do. Constructed once by compose. */
export interface Engine extends Core {
  readonly settings: EngineSettings;
  readonly records: DockerRecords;
  readonly pods: PodContainers;
  readonly tasks: Tasks;
  readonly taskEvents: TaskEvents;
  readonly events: DockerEvents;
  readonly images: ServiceClient<ImagesServiceService>;
  readonly trees: ServiceClient<TreesServiceService>;
  readonly volumes: ServiceClient<VolumesServiceService>;
  readonly snapshots: ServiceClient<SnapshotsService>;
  readonly diffs: ServiceClient<DiffService>;
  /** Mounts that the shim holds for the engine. */
  readonly activations: ServiceClient<MountsService>;
  readonly leases: ServiceClient<LeasesService>;
  readonly network: ServiceClient<NetworkServiceService>;
  readonly holders: ServiceClient<HoldersServiceService>;
  readonly runtimes: RuntimeTable;
  readonly broker: StreamBroker;
  readonly once: Idempotence;
  readonly execs: ExecTable;
  /** Passes containers' output on to where their log drivers say. */
  readonly forwarders: LogForwarders;
  /** Looks at paths that are not the engine's own. */
  readonly looks: Pick<Looker<ForeignLooks>, 'look'>;
  readonly sampler: StatsSampler;
}

/**
 * What a verb needs of the engine, said by itself: `true` for a whole member, else the names of what it uses there. Tests pass a literal.
 *
 * ```ts
 * type Needs = Uses<{ records: 'requireDocker'; tasks: 'pause' }>;
 * ```
 */
export type Uses<Wanted extends { readonly [Member in keyof Engine]?: true | keyof Engine[Member] }> = {
  readonly [Member in keyof Wanted & keyof Engine]: Wanted[Member] extends true
    ? Engine[Member]
    : Pick<Engine[Member], Extract<Wanted[Member], keyof Engine[Member]>>;
};

/** The file of a container's json-file log. */
export function logPath(engine: Uses<{ settings: 'dataRoot' }>, id: string): string {
  return join(containerDir(engine, id), `${id}-json.log`);
}

/** The same call in docker's namespace, without the caller's own lease. */
export function inDockerNamespace(engine: { readonly records: Pick<DockerRecords, 'dockerNamespace'> }, ctx: CallContext): CallContext {
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
  engine: { readonly events: Pick<DockerEvents, 'emit'> },
  id: string,
  docker: Parameters<typeof eventAttributes>[0],
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  engine.events.emit({ type: 'container', action, id, attributes: { ...eventAttributes(docker), ...more } });
}
