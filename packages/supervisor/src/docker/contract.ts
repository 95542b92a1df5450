import type { EngineSettings } from './engine';
import type { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import type { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import type { CallContext, Connection, Handlers, Logger, StreamBroker } from '@gantry/rpc';
import type { DockerEvents } from './events';
import type { Database } from '../core/records';
import type { PodContainers } from './pods';
import type { DockerRecords } from './records';
import type { Sandboxes } from '../core/sandboxes';
import type { RuntimeTable } from '../core/runtimes';
import type { TaskEvents, Tasks } from '../core/tasks';
import type { ContainerNetworks } from './networks';

/** What the composition root hands the containers engine. */
export interface EngineSurroundings {
  readonly db: Database;
  readonly records: DockerRecords;
  readonly pods: PodContainers;
  readonly sandboxes: Sandboxes;
  readonly tasks: Tasks;
  readonly taskEvents: TaskEvents;
  readonly events: DockerEvents;
  readonly runtimes: RuntimeTable;
  readonly connections: { readonly images: Connection; readonly network: Connection; readonly shim: Connection };
  readonly logger: Logger;
  /** Counts lines that were given up on the way to a log driver's remote. */
  readonly logLinesDropped: (driver: string, count: number) => void;
  /** Run root and the supervisor's durable directory. */
  readonly run: string;
  readonly data: string;
  /** Log driver and options of containers that name none. */
  readonly defaultLog: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
}

/**
 * The containers engine as the composition root wires it: docker's face, what the other parts need of it, and its life.
 * `start` reconciles the records with the shim before the socket opens; `stop` ends monitors and timers, containers go on.
 */
export interface ContainersEngine extends ContainerNetworks {
  /**
   * A client of containerd's face deletes the record of a docker container that has no task: name, network, volumes and record are
   * released and docker's `destroy` is told.
   */
  removeFromContainerd(ctx: CallContext, id: string): Promise<void>;
  readonly handlers: Handlers<typeof ContainersServiceService>;
  /** Hands streams over, once it is started. */
  readonly broker: Pick<StreamBroker, 'offer'>;
  /** What GET /containers/json?all=1&size=1 shows. */
  listWithSizes(ctx: CallContext): Promise<ContainerSummary[]>;
  /** The container that an exec runs in; undefined when it is not known. */
  execContainer(execId: string): string | undefined;
  /** Unary or server-streaming calls that last as long as a container does. */
  readonly longCalls?: readonly (keyof typeof ContainersServiceService)[] | undefined;
  /** What a new configuration changes while the engine runs. */
  change(settings: Pick<EngineSettings, 'liveRestore' | 'shutdownTimeout' | 'defaultShmSize' | 'ipcMode' | 'cgroupNamespace'>): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}
