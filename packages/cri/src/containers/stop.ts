import { constants } from 'node:os';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type CallContext, detached, ignore, pause } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';
import type { Contained } from './record';
import { settled, taskOf } from './settle';

/** Asks a container to end, and after `seconds` makes it. One that does not run is stopped. */
export async function stopContainer(needs: Needs, caller: CallContext, container: Contained, seconds: number): Promise<void> {
  const ctx = detached(caller);
  const task = await taskOf(needs, ctx, container.id);
  if (task !== undefined && task.status !== Status.STOPPED) {
    const over = new AbortController();
    const ended = needs.services.tasks.wait(ctx, { containerId: container.id, execId: '' }).catch(ignore('notFound')); // given back meanwhile
    if (seconds > 0) {
      await kill(needs, ctx, container.id, container.facts.stopSignal);
      await Promise.race([ended, pause(seconds * 1000, { signal: over.signal }).catch(() => undefined)]);
    }
    await kill(needs, ctx, container.id, constants.signals.SIGKILL);
    await ended;
    over.abort();
  }
  await settled(needs, ctx, container);
}

async function kill({ services }: Needs, ctx: CallContext, containerId: string, signal: number): Promise<void> {
  await services.tasks.kill(ctx, { containerId, execId: '', signal, all: false }).catch(ignore('notFound', 'failedPrecondition')); // it has ended
}
