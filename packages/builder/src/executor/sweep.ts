import { type CallContext, errorText, isErrorOf } from '@gantry/rpc';
import { PLACE_LABEL } from './container';
import type { ExecutorNeeds } from './needs';
import { deleteTask } from './process';

/** Ends and removes every container that a former life of this service made: its steps died with it. */
export async function sweepContainers(
  { containers, tasks, settings, logger }: Pick<ExecutorNeeds, 'containers' | 'tasks' | 'settings' | 'logger'>,
  ctx: CallContext,
): Promise<void> {
  const { containers: left } = await containers.list(ctx, { filters: [`labels."${PLACE_LABEL}"==${JSON.stringify(settings.directory)}`] });
  await Promise.all(
    left.map(async ({ id }) => {
      try {
        await deleteTask(tasks, ctx, id);
        await containers.delete(ctx, { id });
      } catch (error) {
        if (!isErrorOf(error, 'notFound'))
          logger.warn({ err: error, container: id }, `a former step's container cannot be removed: ${errorText(error)}`);
      }
    }),
  );
}
