import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { NewContainerRequest } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { type Mount, MountType, NetMode } from '@gantry/api/pb/ops';
import { alreadyExists, type CallContext, detached, invalidArgument, notFound } from '@gantry/rpc';
import type { Executor } from '../../../executor/executor';
import { isNetMode, NONE, ROOT } from '../../../ops/exec/definition';
import { mountTrees, type MountNeeds } from '../../../ops/exec/mounts';
import { networkOf } from '../../../ops/exec/network';
import type { Ref } from '../../../refs/ref';
import type { SessionGroup } from '../../../session/session';
import type { FrontendBridge } from '../../frontend';
import type { OutcomeIds } from '../results';
import type { ContainerRpcs } from '../server';
import { FrontendContainer } from './container';
import { containerFiles } from './files';
import { execProcess } from './exec-process';

export interface ContainersNeeds {
  readonly executor: Executor;
  readonly mounts: MountNeeds;
  /** Directory of ours, for mounts of containers that live. */
  readonly directory: string;
}

/** Whose containers they are. */
export interface ContainersOwner {
  readonly bridge: Pick<FrontendBridge, 'permit'>;
  readonly outcomes: OutcomeIds;
  readonly sessions: SessionGroup;
}

/** The containers of one frontend, over LLBBridge. `close` ends those that are left. */
export function makeContainers(needs: ContainersNeeds, owner: ContainersOwner): ContainerRpcs & { close(): Promise<void> } {
  const containers = new Map<string, Promise<FrontendContainer>>();
  const find = async (id: string): Promise<FrontendContainer> => {
    const found = containers.get(id);
    if (found === undefined) throw notFound(`container details for ${id} not found`);
    return found;
  };
  return {
    newContainer: async (ctx, request) => {
      const { ContainerID: id } = request;
      if (containers.has(id)) throw alreadyExists(`Container ${id} already exists`);
      const made = newContainer(needs, owner, ctx, request);
      containers.set(id, made);
      made.catch(() => containers.delete(id));
      await made;
      return {};
    },
    releaseContainer: async (_ctx, { ContainerID: id }) => {
      const container = await find(id);
      containers.delete(id);
      const failure = await container.release();
      if (failure !== undefined) throw failure;
      return {};
    },
    execProcess: (ctx, requests, send) => execProcess({ find: (id) => containers.get(id), owner }, ctx, requests, send),
    ...containerFiles(find),
    async close() {
      const left = [...containers.values()];
      containers.clear();
      await Promise.allSettled(left.map(async (container) => (await container).release()));
    },
  };
}

async function newContainer(
  needs: ContainersNeeds,
  owner: ContainersOwner,
  ctx: CallContext,
  request: NewContainerRequest,
): Promise<FrontendContainer> {
  const { Network: network, hostname, extraHosts } = request;
  if (!isNetMode(network)) throw invalidArgument(`unknown network mode ${network}`);
  owner.bridge.permit({ hostNetwork: network === NetMode.HOST, insecure: false, devices: [] });
  if (!request.Mounts.some(({ dest }) => dest === ROOT)) throw invalidArgument('a container needs a mount at /');
  const inputs: (Ref | undefined)[] = [];
  try {
    const mounts: Mount[] = [];
    for (const mount of request.Mounts) mounts.push(await mountOf(owner.outcomes, ctx, mount, inputs));
    const id = randomBytes(16).toString('hex');
    const trees = await mountTrees(needs.mounts, detached(ctx), {
      mounts,
      inputs,
      cwd: '/',
      sessions: owner.sessions,
      description: `container ${request.ContainerID}`,
    });
    return await FrontendContainer.make(
      { executor: needs.executor, trees, directory: join(needs.directory), id, os: request.platform?.OS ?? '' },
      {
        network: networkOf(network),
        hostname,
        extraHosts: extraHosts.map(({ Host: host, IP: ip }) => ({ host, ip })),
        limits: [],
        cgroupParent: '',
        devices: [],
      },
    );
  } finally {
    for (const ref of inputs) ref?.release();
  }
}

/** A frontend names the tree of a mount by an id that it was given. What it writes there goes nowhere. */
async function mountOf(outcomes: OutcomeIds, ctx: CallContext, mount: Mount, inputs: (Ref | undefined)[]): Promise<Mount> {
  if (mount.dest === ROOT && mount.mountType !== MountType.BIND)
    throw invalidArgument(`invalid mount type ${MountType[mount.mountType]} for /`);
  const input = mount.resultID === '' ? NONE : BigInt(inputs.push(await outcomes.hold(ctx, mount.resultID)) - 1);
  return { ...mount, input, output: NONE, resultID: '' };
}
