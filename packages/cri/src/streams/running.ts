import type { CallContext } from '@gantry/rpc';
import { requireContainer } from '../containers/find';
import type { Contained } from '../containers/record';
import { insistOnRunning } from '../containers/settle';
import type { Needs } from '../sandboxes/needs';

/** A container whose streams can be had now. */
export async function requireRunning(needs: Needs, ctx: CallContext, text: string): Promise<Contained> {
  const container = await requireContainer(needs, ctx, text);
  await insistOnRunning(needs, ctx, container);
  return container;
}
