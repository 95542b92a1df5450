import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, errorText } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';
import { endTask } from './end-task';
import { getContainer } from './find';
import { note } from './note';
import type { Contained } from './record';
import { starting, taskOf } from './settle';

/** A start that a former life of this service did not finish is taken back: its container was made and does not run, and can be started. */
export async function undoCutOff(needs: Needs, ctx: CallContext, { id, facts }: Contained): Promise<void> {
  if (facts.startedAt === '' || facts.ended !== undefined || starting.has(id)) return;
  starting.add(id); // nobody starts it meanwhile
  try {
    const container = await getContainer(needs, ctx, id);
    if (container === undefined || container.facts.startedAt === '' || container.facts.ended !== undefined) return;
    if ((await taskOf(needs, ctx, id))?.status !== Status.CREATED) return;
    await endTask(needs, ctx, id);
    await note(needs, ctx, { container, change: { startedAt: '' } });
  } catch (error) {
    needs.logger.warn({ err: error, container: id }, `a start that was cut off is not taken back: ${errorText(error)}`);
  } finally {
    starting.delete(id);
  }
}
