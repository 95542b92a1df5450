import { randomBytes } from 'node:crypto';
import { detectCgroups } from '@gantry/linux';
import { type CallContext, detached, errorText, pause } from '@gantry/rpc';
import { createContainer, deleteContainer, prepare, type Prepared, resolversOf } from './container';
import type { ContainerWish, Executor, Exit, LiveProcess, ProcessWish } from './executor';
import type { ExecutorNeeds } from './needs';
import { placeInNetwork, releaseAll } from './network';
import { Place, removePlaces } from './place';
import { RunningContainers } from './running';
import { removeStubs, type Stub } from './stubs';
import { sweepContainers } from './sweep';
import { type EndedTask, runTask, type TaskLife } from './task';
import { Tree } from './tree';

/** Ended steps that are taken away while others run. */
const MOST_LEAVING = 8;

type Started = (live: LiveProcess) => void;

/** Runs steps through containerd's containers and tasks. */
export function makeExecutor(needs: ExecutorNeeds): ContainerdExecutor {
  return new ContainerdExecutor(needs);
}

export class ContainerdExecutor implements Executor {
  private readonly running: RunningContainers;
  /** What is taken away behind the ends of steps. */
  private readonly leaving = new Set<Promise<unknown>>();
  private readonly cgroupVersion = detectCgroups().mode === 'v2' ? 2 : 1;

  constructor(private readonly needs: ExecutorNeeds) {
    this.running = new RunningContainers(needs.tasks);
  }

  /** Takes away what a former life of this service left: tasks, containers, network endpoints, mounts. Before the first run. */
  async sweep(ctx: CallContext): Promise<void> {
    await sweepContainers(this.needs, this.needs.inSteps(ctx));
    await releaseAll(this.needs, ctx);
    await removePlaces(this.needs.settings.directory);
  }

  /** Waits until nothing of steps that have ended is left, as long as it may take. */
  async settled(mostMs = Infinity): Promise<void> {
    const late = new AbortController();
    const timeout = Number.isFinite(mostMs) ? [pause(mostMs, { signal: late.signal })] : [];
    await Promise.race([Promise.all(this.leaving), ...timeout]);
    late.abort();
  }

  async run(caller: CallContext, wish: ContainerWish, process: ProcessWish, started?: Started): Promise<Exit> {
    const ctx = this.needs.inSteps(caller);
    const id = wish.id ?? randomBytes(16).toString('hex');
    const entry = this.running.begin(id);
    try {
      while (this.leaving.size >= MOST_LEAVING) await Promise.race(this.leaving);
      ctx.signal.throwIfAborted();
      const network = await placeInNetwork(this.needs, caller, wish);
      const resolvers = resolversOf(this.needs, network);
      const place = await Place.make(this.needs.settings.directory, id, wish.root);
      let stubs: readonly Stub[] = [];
      let gone: Promise<unknown> = Promise.resolve();
      try {
        const prepared = await prepare({ ...this.needs, cgroupVersion: this.cgroupVersion }, place, {
          id,
          wish,
          process,
          resolvers,
          network,
        });
        ({ stubs } = prepared);
        const ended = await this.contained(ctx, {
          prepared,
          place,
          wish,
          process,
          connectTo: network.connectTo,
          started: (live) => {
            entry.started({ place, wish, process, user: prepared.user });
            started?.(live);
          },
        });
        ({ gone } = ended);
        return ended.exit;
      } finally {
        this.takeStubsAway(place, stubs);
        await place.unmount();
        this.behind(gone.then(() => place.remove()));
      }
    } finally {
      entry.ended();
    }
  }

  async exec(caller: CallContext, id: string, process: ProcessWish, started?: Started): Promise<Exit> {
    return this.running.exec(this.needs.inSteps(caller), id, process, started);
  }

  /** The life of the container's record, around that of its task. */
  private async contained(ctx: CallContext, life: Omit<TaskLife, 'id'> & { readonly prepared: Prepared }): Promise<EndedTask> {
    const calls = detached(ctx);
    const { id } = life.prepared;
    await createContainer(this.needs, calls, life.prepared);
    try {
      ctx.signal.throwIfAborted();
      const { exit, gone } = await runTask(this.needs, ctx, { ...life, id });
      return { exit, gone: gone.then(() => deleteContainer(this.needs, calls, id)) };
    } catch (error) {
      await deleteContainer(this.needs, calls, id);
      throw error;
    }
  }

  private behind(work: Promise<unknown>): void {
    const leaving = work
      .catch((error: unknown) => this.needs.logger.warn({ err: error }, `what a step left is not all taken away: ${errorText(error)}`))
      .finally(() => this.leaving.delete(leaving));
    this.leaving.add(leaving);
  }

  private takeStubsAway(place: Place, stubs: readonly Stub[]): void {
    if (stubs.length === 0) return;
    const tree = Tree.open(place.rootfs);
    try {
      removeStubs(tree, stubs);
    } catch (error) {
      this.needs.logger.warn({ err: error }, `mount points of a step could not be taken away: ${errorText(error)}`);
    } finally {
      tree.close();
    }
  }
}
