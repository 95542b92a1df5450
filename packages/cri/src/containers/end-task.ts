import { constants } from 'node:os';
import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import type { Services } from '../services';

type Tasks = Pick<Services['tasks'], 'delete' | 'kill' | 'wait'>;

/** Takes a task away in whatever state it is: one that runs after all is killed first. None is fine. */
export async function endTask({ services }: { readonly services: { readonly tasks: Tasks } }, ctx: CallContext, id: string): Promise<void> {
  const { tasks } = services;
  const gone = ignore('notFound', 'failedPrecondition');
  try {
    await tasks.delete(ctx, { containerId: id });
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return;
    if (!isErrorOf(error, 'failedPrecondition')) throw error;
    await tasks.kill(ctx, { containerId: id, execId: '', signal: constants.signals.SIGKILL, all: true }).catch(gone);
    await tasks.wait(ctx, { containerId: id, execId: '' }).catch(gone);
    await tasks.delete(ctx, { containerId: id }).catch(ignore('notFound'));
  }
}
