import { OOM_EXTENSION } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { Process } from '@gantry/api/containerd/v1/types/task';
import { ContainerEventType, ContainerState } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached, ignore, isErrorOf } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Needs } from '../sandboxes/needs';
import { nanosOf } from '../sandboxes/pod';
import { note } from './note';
import type { Contained, Ended } from './record';

/** What a container ends with whose task is gone without a word. */
const LOST = 255;
const OOM_CODE = 137;

/** The task of a container; undefined: it has none. */
export async function taskOf({ services }: Pick<Needs, 'services'>, ctx: CallContext, id: string): Promise<Process | undefined> {
  try {
    return (await services.tasks.get(ctx, { containerId: id, execId: '' })).process;
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}

/** Containers that are being started: that they have no task, or none any more, is told by who starts them. */
export const starting = new Set<string>();

/** What a container is by its record and its task. */
export function stateOf({ id, facts }: Pick<Contained, 'id' | 'facts'>, task: Pick<Process, 'status'> | undefined): ContainerState {
  if (facts.ended !== undefined) return ContainerState.CONTAINER_EXITED;
  if (task?.status === Status.RUNNING || task?.status === Status.PAUSED || task?.status === Status.PAUSING)
    return ContainerState.CONTAINER_RUNNING;
  if (task?.status === Status.STOPPED) return ContainerState.CONTAINER_EXITED;
  if (task === undefined && starting.has(id)) return ContainerState.CONTAINER_CREATED;
  return facts.startedAt === '' || task?.status === Status.CREATED ? ContainerState.CONTAINER_CREATED : ContainerState.CONTAINER_EXITED;
}

/** What a container is by its record alone, while ends are written as they come: as kubelet's lists tell it, many of them and often. */
export function recordedState({ id, facts }: Pick<Contained, 'id' | 'facts'>): ContainerState {
  if (facts.ended !== undefined) return ContainerState.CONTAINER_EXITED;
  return facts.startedAt === '' || starting.has(id) ? ContainerState.CONTAINER_CREATED : ContainerState.CONTAINER_RUNNING;
}

/** Errors: unknown, for a container that does not run. */
export async function insistOnRunning(needs: Pick<Needs, 'services'>, ctx: CallContext, container: Contained): Promise<void> {
  const state = stateOf(container, await taskOf(needs, ctx, container.id));
  if (state !== ContainerState.CONTAINER_RUNNING) throw unknown(`container is in ${ContainerState[state]} state`);
}

/** Ends that are being written: one word on each, however many notice it. */
const settling = new Map<string, Promise<Contained>>();

/** A container whose process has ended, with its end in its record and its task given back. Others are answered as they are. */
export async function settled(needs: Needs, caller: CallContext, container: Contained): Promise<Contained> {
  if (container.facts.ended !== undefined) return container;
  const task = await taskOf(needs, caller, container.id);
  if (task === undefined ? container.facts.startedAt === '' || starting.has(container.id) : task.status !== Status.STOPPED)
    return container;
  const under = settling.get(container.id);
  if (under !== undefined) return under;
  const work = settle(needs, detached(caller), container, task).finally(() => settling.delete(container.id));
  settling.set(container.id, work);
  return work;
}

async function settle(needs: Needs, ctx: CallContext, container: Contained, task: Process | undefined): Promise<Contained> {
  const ended: Ended =
    task === undefined
      ? { code: LOST, at: String(BigInt(Date.now()) * 1_000_000n), reason: 'Unknown', message: '' }
      : {
          code: task.exitStatus,
          at: String(nanosOf(task.exitedAt)),
          reason: reasonOf(task.exitStatus, needs.events.sawOom(container.id) || Object.hasOwn(container.record.extensions, OOM_EXTENSION)),
          message: '',
        };
  const done = await note(needs, ctx, { container, change: { ended } });
  if (task !== undefined) await needs.services.tasks.delete(ctx, { containerId: container.id }).catch(ignore('notFound'));
  await needs.events.tellContainer(ctx, done, ContainerEventType.CONTAINER_STOPPED_EVENT);
  return done;
}

/** The kernel's killing counts where it was the first process that it met. */
export const reasonOf = (code: number, oom: boolean): string =>
  code === 0 ? 'Completed' : oom && code === OOM_CODE ? 'OOMKilled' : 'Error';
