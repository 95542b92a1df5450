import type { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import type { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import type { CallContext, Logger, ServiceClient } from '@gantry/rpc';

/** What the executor needs of the services below and of the configuration. */
export interface ExecutorNeeds {
  readonly containers: Pick<ServiceClient<typeof ContainersService>, 'create' | 'delete' | 'list'>;
  readonly tasks: Pick<
    ServiceClient<typeof TasksService>,
    'create' | 'start' | 'wait' | 'kill' | 'delete' | 'deleteProcess' | 'exec' | 'resizePty' | 'closeIo' | 'get'
  >;
  /** Undefined where no network service runs: `network` of the settings says what the default network is then. */
  readonly network:
    Pick<ServiceClient<typeof NetworkServiceService>, 'connect' | 'releaseSandbox' | 'reconcile' | 'listNetworks'> | undefined;
  /** The context with the namespace of the steps' containers. */
  readonly inSteps: (ctx: CallContext) => CallContext;
  /** The context with the namespace of the engine's containers. */
  readonly inStore: (ctx: CallContext) => CallContext;
  readonly settings: ExecutorSettings;
  readonly logger: Logger;
}

export interface ExecutorSettings {
  /** Directory of our own, below the run root: mounts and small files of running steps. Containers are marked with it as this service's. */
  readonly directory: string;
  /** containerd's name of the runtime, e.g. io.containerd.runc.v2. */
  readonly runtime: string;
  readonly cgroupParent: string;
  /** `host` or `private`; empty: private on the unified hierarchy only. */
  readonly cgroupNamespace: string;
  readonly oomScoreAdj: number;
  /** There is a default bridge; false: steps that name no network have none. */
  readonly defaultBridge: boolean;
  /** Where there is no network service: the host's network, or none. */
  readonly withoutNetworkService: 'host' | 'none';
  readonly dns: {
    /** The host's resolvers. */
    readonly file: string;
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  /** Folders of CDI's descriptions of devices. */
  readonly cdiDirectories: readonly string[];
}
