import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ContainerFilter, ContainerState, type RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { CallContext, Handlers } from '@gantry/rpc';
import { checkpointContainer } from '../checkpoints/checkpoint';
import { unknown } from '../failures';
import { hasLabels } from '../sandboxes/find';
import type { Needs } from '../sandboxes/needs';
import { createContainer } from './create';
import { execSync } from './exec-sync';
import { findContainer, requireContainer } from './find';
import type { Contained } from './record';
import { removeContainer } from './remove';
import { rowOf, writtenList } from './rows';
import { recordedState, settled, stateOf, taskOf } from './settle';
import { startContainer } from './start';
import { itemOf, statusOf } from './status';
import { stopContainer } from './stop';
import { updateResources } from './update';

type Runtime = Handlers<typeof RuntimeServiceService>;

/** Items of a message of a stream. */
export const PER_MESSAGE = 100;

/** What kubelet does with containers. */
export function containerHandlers(needs: Needs): Partial<Runtime> {
  const inState = async (ctx: CallContext, filter: ContainerFilter | undefined) => {
    const found = await matching(needs, ctx, filter);
    return filter?.state === undefined ? found : found.filter(({ state }) => state === filter.state?.state);
  };
  return {
    createContainer: async (ctx, request) => ({ containerId: await createContainer(needs, ctx, request) }),
    async startContainer(ctx, { containerId }) {
      await startContainer(needs, ctx, await requireContainer(needs, ctx, containerId));
      return {};
    },
    async stopContainer(ctx, { containerId, timeout }) {
      const container = await findContainer(needs, ctx, containerId);
      if (container !== undefined) await stopContainer(needs, ctx, container, Number(timeout));
      return {};
    },
    async removeContainer(ctx, { containerId }) {
      const container = await findContainer(needs, ctx, containerId);
      if (container !== undefined) await removeContainer(needs, ctx, container);
      return {};
    },
    listContainers: async (ctx, { filter }) =>
      writtenList((await inState(ctx, filter)).map(({ container, state }) => rowOf(container, state))),
    async streamContainers(ctx, { filter }, send) {
      const containers = (await inState(ctx, filter)).map(({ container, state }) => itemOf(container, state));
      for (let at = 0; at < containers.length; at += PER_MESSAGE) await send({ containers: containers.slice(at, at + PER_MESSAGE) });
    },
    async containerStatus(ctx, { containerId, verbose }) {
      const container = await settled(needs, ctx, await requireContainer(needs, ctx, containerId));
      const task = await taskOf(needs, ctx, container.id);
      const info = { sandboxID: container.facts.podId, pid: task?.pid ?? 0, config: container.config.metadata };
      return { status: statusOf(container, stateOf(container, task)), info: verbose ? { info: JSON.stringify(info) } : {} };
    },
    execSync: async (ctx, { containerId, cmd, timeout }) =>
      execSync(needs, ctx, await requireContainer(needs, ctx, containerId), { cmd, seconds: Number(timeout) }),
    async updateContainerResources(ctx, request) {
      await updateResources(needs, ctx, await requireContainer(needs, ctx, request.containerId), request);
      return {};
    },
    async reopenContainerLog(ctx, { containerId }) {
      const container = await requireContainer(needs, ctx, containerId);
      const state = stateOf(container, await taskOf(needs, ctx, container.id));
      if (state !== ContainerState.CONTAINER_RUNNING) throw unknown('container is not running');
      if (container.facts.logPath === '') return {};
      await mkdir(dirname(container.facts.logPath), { recursive: true, mode: 0o755 });
      await needs.services.logs.reopen(ctx, { id: container.id });
      return {};
    },
    async checkpointContainer(ctx, request) {
      await checkpointContainer(needs, ctx, request);
      return {};
    },
    getContainerEvents: (ctx, _request, send) => needs.events.follow(ctx, send),
  };
}

/** Containers that all of a filter is true of, but for their state. */
export async function matching(
  needs: Needs,
  ctx: CallContext,
  filter: Pick<ContainerFilter, 'id' | 'podSandboxId' | 'labelSelector'> | undefined,
): Promise<{ readonly container: Contained; readonly state: ContainerState }[]> {
  const { id = '', podSandboxId = '', labelSelector = {} } = filter ?? {};
  const wanted = (await needs.known.list(ctx)).filter(
    (container) =>
      container.id.startsWith(id) && container.facts.podId.startsWith(podSandboxId) && hasLabels(container.config, labelSelector),
  );
  if (needs.events.hearing) return wanted.map((container) => ({ container, state: recordedState(container) }));
  const { tasks } = await needs.services.tasks.list(ctx, { filter: '' });
  const byId = new Map(tasks.map((task) => [task.containerId, task]));
  return wanted.map((container) => ({ container, state: stateOf(container, byId.get(container.id)) }));
}
