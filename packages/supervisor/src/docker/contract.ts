import type { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import type { Connection, Handlers, Logger } from '@gantry/rpc';
import type { DockerContainers } from '../containerd/containers/containers';
import type { EventBus } from './events';
import type { Database, Records } from '../core/records';
import type { Sandboxes } from '../core/sandboxes';
import type { RuntimeTable } from '../core/runtimes';
import type { TaskEvents, Tasks } from '../core/tasks';
import type { ContainerNetworks } from './networks';

/** What the composition root hands the containers engine. */
export interface EngineSurroundings {
  readonly db: Database;
  readonly records: Records;
  readonly sandboxes: Sandboxes;
  readonly tasks: Tasks;
  readonly taskEvents: TaskEvents;
  readonly bus: EventBus;
  readonly runtimes: RuntimeTable;
  readonly connections: { readonly images: Connection; readonly network: Connection; readonly shim: Connection };
  readonly logger: Logger;
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
export interface ContainersEngine extends DockerContainers, ContainerNetworks {
  readonly handlers: Handlers<typeof ContainersServiceService>;
  /** Unary or server-streaming calls that last as long as a container does. */
  readonly longCalls?: readonly (keyof typeof ContainersServiceService)[] | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}
