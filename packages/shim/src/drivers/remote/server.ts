import type { Any } from '@gantry/api/google/protobuf/any';
import type { ExitState } from '../../monitor/state-files';
import type { DriverTask } from '../driver';
import type { Endpoint } from './session';

/** How a Task server comes to life and what is done after its death: a shim binary of a task's own, or a server of many tasks. */
export interface TaskServer {
  /** FIFO into which the server writes its log, drained by the task's monitor; undefined when it writes none. */
  log(task: DriverTask): string | undefined;
  /** Makes it, or finds the one that runs already for this task. May be repeated. */
  start(task: DriverTask): Promise<Endpoint>;
  /** Options for its Create. */
  options(task: DriverTask): Any | undefined;
  /** It died, or does not answer: ends and frees what it held of the task. May be repeated. */
  clean(task: DriverTask): Promise<ExitState>;
  /** Whether the server is the task's own, and must be gone when the task is. */
  readonly ownsProcess: boolean;
}
