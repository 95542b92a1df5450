import { wallMicros } from '@gantry/api';
import { type ContainerEventResponse, type ContainerEventType, ContainerState } from '@gantry/api/runtime/v1/api';
import { type CallContext, errorText, type Logger } from '@gantry/rpc';
import { containersOf } from '../containers/find';
import type { Contained } from '../containers/record';
import { stateOf, taskOf } from '../containers/settle';
import { statusOf } from '../containers/status';
import { findPod } from '../sandboxes/find';
import { podStatus, stateOf as podState } from '../sandboxes/status';
import type { Members } from '../members';
import type { Services } from '../services';

/** Events that wait for somebody who asks, or for one who is slow: the oldest go first. */
const MOST_WAITING = 1000;

/** What happens to pods and containers, told to whoever asked (GetContainerEvents); what happens while nobody does waits for the next one. */
export class EventHub {
  /** Whether ends are heard of as they come, and all before are written down: then records say what runs. */
  hearing = false;
  private readonly listeners = new Set<(event: ContainerEventResponse) => void>();
  private waiting: ContainerEventResponse[] = [];
  private readonly oom = new Set<string>();

  constructor(
    private readonly needs: { readonly services: Services; readonly members: Members },
    private readonly logger: Logger,
  ) {}

  /** The kernel killed something of a container. */
  noteOom(id: string): void {
    this.oom.add(id);
  }

  sawOom(id: string): boolean {
    return this.oom.delete(id);
  }

  tell(event: ContainerEventResponse): void {
    if (this.listeners.size === 0) this.waiting = [...this.waiting, event].slice(-MOST_WAITING);
    for (const listener of this.listeners) listener(event);
  }

  tellPod(ctx: CallContext, id: string, type: ContainerEventType): Promise<void> {
    return this.tellOf(ctx, id, id, type);
  }

  tellContainer(ctx: CallContext, { id, facts }: Contained, type: ContainerEventType): Promise<void> {
    return this.tellOf(ctx, facts.podId, id, type);
  }

  /** An event that cannot be told is no reason to fail what happened. */
  async tellOf(ctx: CallContext, podId: string, containerId: string, containerEventType: ContainerEventType): Promise<void> {
    try {
      this.tell({ ...(await this.ofPod(ctx, podId)), containerId, containerEventType });
    } catch (error) {
      this.logger.warn({ err: error, container: containerId }, `an event is not told: ${errorText(error)}`);
    }
  }

  /**
   * A pod and its containers as they are now. The time is that before the first look: kubelet passes over what is older than what it knows, and a change
   * between look and answer is newer than this one. The newest container is the first: kubelet takes the first of a name for the one that counts.
   */
  async ofPod(ctx: CallContext, podId: string): Promise<Omit<ContainerEventResponse, 'containerId' | 'containerEventType'>> {
    const createdAt = BigInt(wallMicros()) * 1000n;
    const { needs } = this;
    const pod = await findPod(needs, ctx, podId);
    const containers = (await containersOf(needs, ctx, podId)).sort((a, b) =>
      a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0,
    );
    return {
      createdAt,
      podSandboxStatus: pod === undefined ? undefined : podStatus(pod, await podState(needs, ctx, pod.id)),
      containersStatuses: await Promise.all(
        containers.map(async (container) => statusOf(container, toldState(container, await taskOf(needs, ctx, container.id)))),
      ),
    };
  }

  /** All events from now on, until the caller goes away. */
  async follow(ctx: CallContext, send: (event: ContainerEventResponse) => Promise<void>): Promise<void> {
    const queue = this.waiting.splice(0);
    let wake = (): void => undefined;
    const listener = (event: ContainerEventResponse): void => {
      queue.push(event);
      if (queue.length > MOST_WAITING) queue.shift();
      wake();
    };
    const left = (): void => wake();
    this.listeners.add(listener);
    ctx.signal.addEventListener('abort', left, { once: true });
    try {
      while (!ctx.signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) await send(event);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.listeners.delete(listener);
      ctx.signal.removeEventListener('abort', left);
    }
  }
}

/** One whose end is not written yet runs, as far as is told: without its exit code it would have ended well, which no later word takes back. */
function toldState(container: Contained, task: Parameters<typeof stateOf>[1]): ContainerState {
  const state = stateOf(container, task);
  return state === ContainerState.CONTAINER_EXITED && container.facts.ended === undefined ? ContainerState.CONTAINER_RUNNING : state;
}
