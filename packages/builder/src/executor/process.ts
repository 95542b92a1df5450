import { type CallContext, detached, ignore, internal, isErrorOf, pause } from '@gantry/rpc';
import type { Exit, LiveProcess } from './executor';
import type { ExecutorNeeds } from './needs';
import type { Stdio } from './stdio';
import { insist } from '../worker/insist';

const SIGKILL = 9;
/** What a killed process may take to be gone. */
const KILL_MS = 10_000;

/** A process of a task that is made: its first, or a further one (execId). */
export interface MadeProcess {
  readonly containerId: string;
  readonly execId: string;
}

type Tasks = ExecutorNeeds['tasks'];

/** Starts a made process and waits for its end. A cancelled context kills it, and rejects with the context's reason when it is gone. */
export async function runToEnd(
  tasks: Tasks,
  ctx: CallContext,
  {
    made,
    stdio,
    started,
  }: { readonly made: MadeProcess; readonly stdio: Stdio; readonly started: ((live: LiveProcess) => void) | undefined },
): Promise<Exit> {
  const calls = detached(ctx); // what was asked for must be known to have happened: calls are not cut short
  const ended = insist(() => tasks.wait(calls, made)); // the process lives on when a service dies
  ended.catch(() => undefined);
  await tasks.start(calls, made);
  const close = (): void => void tasks.closeIo(calls, { ...made, stdin: true }).catch(() => undefined);
  stdio.copyInput(close);
  started?.(liveProcess(tasks, calls, made));
  const aborted = Promise.withResolvers<'aborted'>();
  const abort = (): void => aborted.resolve('aborted');
  ctx.signal.addEventListener('abort', abort, { once: true });
  if (ctx.signal.aborted) abort();
  try {
    const end = await Promise.race([ended, aborted.promise]);
    if (end !== 'aborted') return { code: end.exitStatus };
    await killProcess(tasks, calls, made, ended);
    throw ctx.signal.reason as Error;
  } finally {
    ctx.signal.removeEventListener('abort', abort);
  }
}

async function killProcess(tasks: Tasks, ctx: CallContext, made: MadeProcess, ended: Promise<unknown>): Promise<void> {
  await insist(() => tasks.kill(ctx, { ...made, signal: SIGKILL, all: made.execId === '' })).catch(
    ignore('notFound', 'failedPrecondition'),
  ); // it has ended
  const late = new AbortController();
  const timeout = pause(KILL_MS, { signal: late.signal }).then((passed) => {
    if (passed) throw internal(`failed to kill the process of ${made.containerId} on cancel`);
  });
  try {
    await Promise.race([ended, timeout]);
  } finally {
    late.abort();
  }
}

/** Takes a task away, killed first where it still runs. How a runtime says that it does has no code: whatever the refusal was, a killed task is deleted again. */
export async function deleteTask(tasks: Tasks, ctx: CallContext, containerId: string): Promise<void> {
  const remove = async (): Promise<void> => void (await insist(() => tasks.delete(ctx, { containerId })));
  try {
    await remove();
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return;
    const made = { containerId, execId: '' };
    const ended = insist(() => tasks.wait(ctx, made));
    ended.catch(() => undefined);
    await killProcess(tasks, ctx, made, ended);
    await remove().catch((failure: unknown) => {
      if (!isErrorOf(failure, 'notFound')) throw failure; // gone with the try before
    });
  }
}

function liveProcess(tasks: Tasks, ctx: CallContext, made: MadeProcess): LiveProcess {
  return {
    resize: async (width, height) => void (await tasks.resizePty(ctx, { ...made, width, height })),
    signal: async (signal) => void (await tasks.kill(ctx, { ...made, signal, all: false })),
  };
}
