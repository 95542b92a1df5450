import { type MessageType, unpackAny } from '@gantry/api';
import { ContainerCreate, ContainerDelete, ContainerUpdate, TaskExit, TaskOOM } from '@gantry/api/containerd/events/events';
import { type CallContext, errorText, pause } from '@gantry/rpc';
import { undoCutOff } from '../containers/cut-off';
import { getContainer, listContainers } from '../containers/find';
import { settled } from '../containers/settle';
import type { Needs } from '../sandboxes/needs';

/** Milliseconds between two connections to a supervisor that is not there. */
const AGAIN_MS = 500;

/**
 * Hears of the ends of containers and writes them down, and of what other clients change of their records. What ended while nobody listened is found at each beginning: a task keeps its exit until it is
 * given back.
 */
export async function watchEnds(needs: Needs, ctx: CallContext): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      const events = needs.services.events.subscribe(ctx, { filters: [`namespace==${ctx.namespace}`] });
      await events.opened;
      await settleAll(needs, ctx);
      needs.events.hearing = true;
      needs.known.hear();
      for await (const { event } of events) {
        for (const change of [ContainerCreate, ContainerUpdate, ContainerDelete]) {
          const id = unpackAny<{ id: string }>(event, change as MessageType<{ id: string }>)?.id;
          if (id !== undefined) needs.known.changed(id);
        }
        const oom = unpackAny(event, TaskOOM);
        if (oom !== undefined) needs.events.noteOom(oom.containerId);
        const exit = unpackAny(event, TaskExit);
        if (exit !== undefined && exit.id === exit.containerId) await settleOne(needs, ctx, exit.containerId);
      }
    } catch (error) {
      if (ctx.signal.aborted) return;
      needs.logger.warn({ err: error }, `ends of containers are not heard of: ${errorText(error)}`);
    } finally {
      needs.events.hearing = false;
      needs.known.forget();
    }
    await pause(AGAIN_MS, { signal: ctx.signal }).catch(() => undefined);
  }
}

async function settleAll(needs: Needs, ctx: CallContext): Promise<void> {
  for (const container of await listContainers(needs, ctx)) await undoCutOff(needs, ctx, await settled(needs, ctx, container));
}

async function settleOne(needs: Needs, ctx: CallContext, id: string): Promise<void> {
  const container = await getContainer(needs, ctx, id);
  if (container === undefined) return;
  await settled(needs, ctx, container).catch((error: unknown) =>
    needs.logger.warn({ err: error, container: id }, `the end of a container is not written: ${errorText(error)}`),
  );
}
