import type { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import type { Logger, ServiceClient } from '@gantry/rpc';
import type { Lifecycle } from './exit/lifecycle';
import type { Face } from './face';
import type { Journal } from './journal';
import type { Persistence } from './queues/persistence';
import type { ContainerQueues } from './queues/queue';
import type { Records } from './records';
import type { Sandboxes } from './sandboxes';
import type { Tasks } from './tasks';

export interface CoreSettings {
  /** The supervisor's own durable directory. */
  readonly dataRoot: string;
  readonly runRoot: string;
  /** Boot id of the host (/proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
}

/** What the core's verbs work with, for the containers of one face. A verb takes the few members that it needs (`Pick<Core, …>`). */
export interface Core {
  readonly settings: CoreSettings;
  readonly face: Face;
  readonly records: Pick<Records, 'get'>;
  readonly sandboxes: Pick<Sandboxes, 'live'>;
  readonly journal: Journal;
  readonly tasks: Pick<Tasks, 'create' | 'start' | 'delete' | 'state' | 'kill' | 'wait'>;
  readonly snapshots: Pick<ServiceClient<SnapshotsService>, 'remove'>;
  readonly leases: Pick<ServiceClient<LeasesService>, 'delete' | 'list'>;
  readonly network: Pick<ServiceClient<NetworkServiceService>, 'releaseSandbox' | 'reconcile'>;
  readonly queues: ContainerQueues;
  readonly persistence: Pick<Persistence, 'until'>;
  readonly life: Lifecycle;
  readonly logger: Logger;
}
