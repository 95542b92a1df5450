import { ContainerState } from '@gantry/api/runtime/v1/api';
import type { CallContext } from '@gantry/rpc';
import { requireContainer } from '../containers/find';
import type { Contained } from '../containers/record';
import { stateOf, taskOf } from '../containers/settle';
import { unknown } from '../failures';
import type { Needs } from '../sandboxes/needs';

/** A container whose streams can be had now. */
export async function requireRunning(needs: Needs, ctx: CallContext, text: string): Promise<Contained> {
  const container = await requireContainer(needs, ctx, text);
  const state = stateOf(container, await taskOf(needs, ctx, container.id));
  if (state !== ContainerState.CONTAINER_RUNNING) throw unknown(`container is in ${ContainerState[state]} state`);
  return container;
}
