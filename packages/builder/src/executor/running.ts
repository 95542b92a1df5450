import { randomBytes } from 'node:crypto';
import { OCI_PROCESS_TYPE_URL, packJson } from '@gantry/api';
import { alreadyExists, type CallContext, detached, failedPrecondition, ignore, notFound } from '@gantry/rpc';
import type { ResolvedUser } from '@gantry/spec';
import type { ContainerWish, Exit, LiveProcess, ProcessWish } from './executor';
import type { ExecutorNeeds } from './needs';
import type { Place } from './place';
import { runToEnd } from './process';
import { processSpec } from './spec';
import { Stdio } from './stdio';
import { drained } from './task';
import { Tree } from './tree';
import { userOf } from './user';

/** A container whose first process runs. */
interface Alive {
  readonly place: Place;
  readonly wish: ContainerWish;
  readonly process: ProcessWish;
  readonly user: ResolvedUser;
}

interface Entry {
  readonly alive: Promise<Alive>;
  readonly gone: Promise<never>;
}

/** The containers that run or are about to, for further processes in them. */
export class RunningContainers {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly tasks: ExecutorNeeds['tasks']) {}

  /** A container is being made; who wants a process in it waits until it runs. */
  begin(id: string): { started(alive: Alive): void; ended(): void } {
    if (this.entries.has(id)) throw alreadyExists(`container ${id} exists`);
    const alive = Promise.withResolvers<Alive>();
    const gone = Promise.withResolvers<never>();
    for (const { promise } of [alive, gone]) promise.catch(() => undefined);
    this.entries.set(id, { alive: alive.promise, gone: gone.promise });
    return {
      started: alive.resolve,
      ended: () => {
        this.entries.delete(id);
        gone.reject(failedPrecondition(`container ${id} has stopped`));
      },
    };
  }

  async exec(ctx: CallContext, id: string, process: ProcessWish, started?: (live: LiveProcess) => void): Promise<Exit> {
    const entry = this.entries.get(id);
    if (entry === undefined) throw notFound(`container ${id} not found`);
    const alive = await Promise.race([entry.alive, entry.gone, aborted(ctx.signal)]);
    const calls = detached(ctx);
    const made = { containerId: id, execId: randomBytes(16).toString('hex') };
    const spec = await execSpec(alive, process);
    const stdio = Stdio.open(alive.place, process);
    try {
      const { stdin, stdout, stderr } = stdio;
      await this.tasks.exec(calls, { ...made, stdin, stdout, stderr, terminal: process.tty, spec: packJson(OCI_PROCESS_TYPE_URL, spec) });
      stdio.copyOutputs();
      try {
        return await runToEnd(this.tasks, ctx, { made, stdio, started });
      } finally {
        await this.tasks.deleteProcess(calls, made).catch(ignore('notFound', 'failedPrecondition')); // it went with its container
        await drained(stdio);
      }
    } finally {
      stdio.close();
    }
  }
}

/** What is left out is as the first process has it. */
async function execSpec({ place, wish, process: first, user }: Alive, program: ProcessWish): Promise<ReturnType<typeof processSpec>> {
  const whole = { ...program, env: program.env.length > 0 ? program.env : first.env, cwd: program.cwd || first.cwd };
  if (program.user === '') return processSpec(wish, whole, user);
  const tree = Tree.open(place.rootfs);
  try {
    return processSpec(wish, whole, await userOf(tree, program.user));
  } finally {
    tree.close();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
