import type { StateResponse } from '@gantry/api/containerd/task/v3/shim';
import type { Process } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Tasks } from '../../core/tasks';

/** Questions to the shim that are under way at once when tasks are listed. */
const PARALLEL = 16;

/** containerd's process of a state that the shim told. */
export function processOf(containerId: string, state: StateResponse): Process {
  const { pid, status, stdin, stdout, stderr, terminal, exitStatus, exitedAt } = state;
  return {
    containerId,
    id: state.execId === '' ? containerId : state.execId,
    pid,
    status,
    stdin,
    stdout,
    stderr,
    terminal,
    exitStatus,
    exitedAt,
  };
}

/** The tasks among these containers, in their order; those without a task are left out. */
export async function listProcesses(tasks: Pick<Tasks, 'state'>, ctx: CallContext, ids: readonly string[]): Promise<Process[]> {
  const found = new Array<Process | undefined>(ids.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < ids.length; index = next++) {
      const id = ids[index] ?? '';
      found[index] = await tasks.state(ctx, { id }).then(
        (state) => processOf(id, state),
        (error: unknown) => {
          if (isErrorOf(error, 'notFound')) return undefined;
          throw error;
        },
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, ids.length) }, worker));
  return found.filter((process) => process !== undefined);
}
