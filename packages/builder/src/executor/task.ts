import { type CallContext, detached, errorText, isErrorOf, pause } from '@gantry/rpc';
import type { ContainerWish, Exit, LiveProcess, ProcessWish } from './executor';
import type { ExecutorNeeds } from './needs';
import { connectNetwork, type NetworkPlace } from './network';
import type { Place } from './place';
import { deleteTask, runToEnd } from './process';
import { Stdio } from './stdio';

/** What a process's last output may take to come after its end: whatever held it is gone with the container. */
const DRAIN_MS = 5_000;

export interface TaskLife {
  readonly id: string;
  readonly place: Place;
  readonly wish: ContainerWish;
  readonly process: ProcessWish;
  readonly started: (live: LiveProcess) => void;
  readonly connectTo: NetworkPlace['connectTo'];
}

/** A task that has ended and told all that it had to say. */
export interface EndedTask {
  readonly exit: Exit;
  /** Nothing of it is left; never rejects. */
  readonly gone: Promise<unknown>;
}

/** The life of a container's task: made, connected, started, ended. It is taken away behind an end of its own, and before a failure is told. */
export async function runTask(needs: ExecutorNeeds, ctx: CallContext, life: TaskLife): Promise<EndedTask> {
  try {
    return await lived(needs, ctx, life);
  } catch (error) {
    // What the runtime itself refuses (a program that is not there) has no code of containerd's; as `runc run` ends it: told on stderr, exit code 1.
    if (!isErrorOf(error, 'unknown')) throw error;
    await life.process.output(2, Buffer.from(`${error.message}\n`));
    return { exit: { code: 1 }, gone: Promise.resolve() };
  }
}

async function lived(
  needs: ExecutorNeeds,
  ctx: CallContext,
  { id, place, wish, process, started, connectTo }: TaskLife,
): Promise<EndedTask> {
  const { tasks, logger } = needs;
  const calls = detached(ctx);
  const warn = (what: string) => (error: unknown) => logger.warn({ err: error, container: id }, `${what}: ${errorText(error)}`);
  const stdio = Stdio.open(place, process);
  let disconnect: () => Promise<void> = () => Promise.resolve();
  const takeAway = (): Promise<unknown> =>
    Promise.all([
      deleteTask(tasks, calls, id).catch(warn("a step's task cannot be taken away")),
      disconnect().catch(warn("a step's network endpoint cannot be released")),
    ]);
  let ended = false;
  let gone: Promise<unknown> | undefined;
  try {
    const { stdin, stdout, stderr } = stdio;
    const { pid } = await tasks.create(calls, {
      containerId: id,
      rootfs: [],
      stdin,
      stdout,
      stderr,
      terminal: process.tty,
      checkpoint: undefined,
      options: undefined,
      runtimePath: '',
      taskApiAddress: '',
      taskApiVersion: 0,
    });
    stdio.copyOutputs();
    disconnect = await connectNetwork(needs, calls, { id, pid, wish, connectTo });
    ctx.signal.throwIfAborted();
    const exit = await runToEnd(tasks, ctx, { made: { containerId: id, execId: '' }, stdio, started });
    ended = true;
    return { exit, gone: (gone = takeAway()) };
  } finally {
    gone ??= takeAway();
    if (!ended) await gone;
    await drained(stdio);
    stdio.close();
  }
}

/** All output is taken, or does not come any more. */
export async function drained(stdio: Stdio): Promise<void> {
  const taken = new AbortController();
  await Promise.race([stdio.drained(), pause(DRAIN_MS, { signal: taken.signal })]);
  taken.abort();
}
