import type { ExecMessage } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { alreadyExists, type CallContext, invalidArgument, notFound, type Send } from '@gantry/rpc';
import type { FrontendContainer } from './container';
import type { ContainersOwner } from './container-rpcs';
import { FrontendProcess } from './process';

export interface ExecNeeds {
  readonly find: (id: string) => Promise<FrontendContainer> | undefined;
  readonly owner: Pick<ContainersOwner, 'bridge' | 'sessions'>;
}

/** One stream of a frontend, for any number of processes: each message names the one that it is for. */
export async function execProcess(
  needs: ExecNeeds,
  ctx: CallContext,
  messages: AsyncIterable<ExecMessage>,
  send: Send<ExecMessage>,
): Promise<void> {
  const processes = new Map<string, FrontendProcess>();
  try {
    for await (const message of messages) {
      const { ProcessID: id, Init: init } = message;
      if (id === '') throw invalidArgument('ProcessID required');
      const process = processes.get(id);
      if (init !== undefined) {
        if (process !== undefined) throw alreadyExists(`Process ${id} already exists`);
        const container = await needs.find(init.ContainerID);
        if (container === undefined) throw notFound(`container "${init.ContainerID}" previously released or not created`);
        const made = new FrontendProcess(id, container, init, send);
        processes.set(id, made);
        await made.start(needs.owner, ctx);
      } else {
        if (process === undefined) throw notFound(`IO for process "${id}" not found`);
        await process.take(message);
      }
    }
    await Promise.all([...processes.values()].map(({ ended }) => ended)); // the frontend says no more, and still listens
  } finally {
    for (const process of processes.values()) process.leave();
  }
}
