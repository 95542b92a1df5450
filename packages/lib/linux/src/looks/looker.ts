import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { deadlineExceeded, internal, unavailable } from '@gantry/rpc/errors';
import { after, type Timer } from '@gantry/rpc/timer';
import { syscalls } from '../linux-syscalls';
import { MountTable } from '../mount-table';
import { unpackError } from './errors';
import { mayHang } from './may-hang';
import type { Answer, Found, Operations, Question } from './operations';

/** Milliseconds after which a process that nobody asks anything leaves. */
const IDLE_MS = 30_000;
/** Looks at the same time; more wait, within their own deadlines. */
const MOST = 8;

export interface LookOptions {
  /** What is looked at, for the error of a file system that does not answer. */
  readonly path: string;
  /** Begins that error, such as `error while mounting '/x'`. */
  readonly failure?: string;
  readonly ms?: number;
  /** Made in the other process in any case: it is what may bring such a file system. */
  readonly apart?: boolean;
  /** First processes of mount namespaces that the path may lead through, beside this process's own. */
  readonly pids?: readonly number[];
}

export interface LookerOptions {
  /** Milliseconds for a look that says nothing else. */
  readonly ms?: number;
  /** Whether a look may hang, by the mounts of this process and others. */
  readonly foreign?: (pids: readonly number[]) => boolean;
}

/**
 * Looks at paths that are not ours: sources of binds, volumes, roots of containers. Any of them may lie on a file system whose server is
 * gone, where each system call waits for ever and cannot be cut short from inside a process: not on the event loop, not on a
 * thread. So they are made in a process of their own, which is killed when it does not answer in time. It is started only where such a file
 * system is mounted at all: on a host without one, the look is made here.
 */
export class Looker<T extends Operations> {
  private readonly all = new Set<LookProcess>();
  private readonly idle: LookProcess[] = [];
  private readonly queue: (() => void)[] = [];
  private running = 0;
  private readonly ms: number;
  private readonly foreign: (pids: readonly number[]) => boolean;

  /** `program` is the file that answers (answerLooks) with the same operations. */
  constructor(
    private readonly operations: T,
    private readonly program: string | undefined,
    { ms = 10_000, foreign = seesForeign }: LookerOptions = {},
  ) {
    this.ms = ms;
    this.foreign = foreign;
  }

  async look<K extends keyof T & string>(name: K, args: Parameters<T[K]>, options: LookOptions): Promise<ReturnType<T[K]>> {
    if (this.program === undefined || !(options.apart === true || this.foreign(options.pids ?? [])))
      return this.operations[name]?.(...args) as ReturnType<T[K]>;
    const { path, failure = path, ms = this.ms } = options;
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => undefined);
    const timer = after(ms, () => late.reject(deadlineExceeded(`${failure}: its file system does not answer within ${ms / 1000} seconds`)));
    try {
      return (await this.ask(name, args, late.promise)) as ReturnType<T[K]>;
    } finally {
      timer.cancel();
    }
  }

  /** Ends the processes, those that hang too. */
  stop(): void {
    for (const one of this.all) one.end();
  }

  private async ask(name: string, args: readonly unknown[], late: Promise<never>): Promise<Found<unknown>> {
    const one = await this.take(late);
    try {
      const found = await Promise.race([one.ask(name, args), late]);
      this.giveBack(one);
      return found;
    } catch (error) {
      if (one.busy) one.end(); // late
      this.giveBack(one);
      throw error;
    }
  }

  private async take(late: Promise<never>): Promise<LookProcess> {
    if (this.running >= MOST) {
      const turn = Promise.withResolvers<void>();
      this.queue.push(turn.resolve);
      try {
        await Promise.race([turn.promise, late]);
      } catch (error) {
        const at = this.queue.indexOf(turn.resolve);
        if (at >= 0) this.queue.splice(at, 1);
        else this.next(); // the turn came at the same moment: another takes it
        throw error;
      }
    } else this.running += 1;
    for (let one = this.idle.pop(); one !== undefined; one = this.idle.pop()) if (one.alive) return one;
    const made = new LookProcess(this.program as string, () => this.all.delete(made));
    this.all.add(made);
    return made;
  }

  private giveBack(one: LookProcess): void {
    if (one.alive) {
      this.idle.push(one);
      one.leaveIn(IDLE_MS);
    }
    this.next();
  }

  private next(): void {
    const turn = this.queue.shift();
    if (turn === undefined) this.running -= 1;
    else turn();
  }
}

/** Of this process: asked before each look, read again when something was mounted. Open as long as the process lives. */
const own = new MountTable(mayHang);

/** Whether this process, or one of these, has a file system mounted that may hang. */
function seesForeign(pids: readonly number[]): boolean {
  return hangsHere() || pids.some((pid) => mayHang(mountsOf(pid)));
}

function hangsHere(): boolean {
  try {
    return own.value();
  } catch {
    return false; // no /proc: nothing is known of mounts
  }
}

/** Not kept open: that would hold the mounts of a container that has ended. */
function mountsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
  } catch {
    return ''; // the process is gone, and what it saw with it
  }
}

class LookProcess {
  alive = true;
  private readonly child: ChildProcess;
  private waiting: PromiseWithResolvers<Found<unknown>> | undefined;
  private asked = 0;
  private leaving: Timer | undefined;

  constructor(program: string, ended: () => void) {
    const options = ['--max-semi-space-size=1'];
    this.child = fork(program, [], {
      serialization: 'advanced',
      execArgv: options,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {},
      cwd: '/',
    });
    this.child.unref();
    this.child.channel?.unref();
    this.child.on('message', (answer: Answer) => this.answered(answer));
    const gone = (why: string): void => {
      ended();
      this.alive = false;
      this.leaving?.cancel();
      this.waiting?.reject(internal(`the process that looks at paths ${why}`));
    };
    this.child.once('error', (error) => gone(`cannot run: ${error.message}`));
    this.child.once('exit', (code, signal) => gone(`ended with ${code ?? signal ?? 'nothing'}`));
  }

  get busy(): boolean {
    return this.waiting !== undefined;
  }

  ask(name: string, args: readonly unknown[]): Promise<Found<unknown>> {
    this.leaving?.cancel();
    const waiting = Promise.withResolvers<Found<unknown>>();
    waiting.promise.catch(() => undefined);
    this.waiting = waiting;
    this.child.ref();
    this.child.channel?.ref();
    this.send({ id: ++this.asked, name, args });
    return waiting.promise;
  }

  /** Kills it. One that cannot die before the server answers is nobody's to wait for. */
  end(): void {
    this.alive = false;
    this.waiting?.reject(unavailable('the look was called off'));
    this.leaving?.cancel();
    this.child.kill('SIGKILL');
    this.child.unref();
    this.child.channel?.unref();
  }

  leaveIn(ms: number): void {
    this.leaving = after(ms, () => this.end(), { ref: false });
  }

  private answered(answer: Answer): void {
    const { waiting } = this;
    if (waiting === undefined || answer.id !== this.asked || !this.alive) return;
    this.waiting = undefined;
    this.child.unref();
    this.child.channel?.unref();
    if ('error' in answer) return waiting.reject(unpackError(answer.error));
    try {
      waiting.resolve(this.adopt(answer.found));
    } catch (error) {
      waiting.reject(error);
    }
  }

  /** Takes the descriptor over: the same open file, in this process. */
  private adopt(found: Found<unknown>): Found<unknown> {
    if (found.fd === undefined) return found;
    const process = syscalls.pidfdOpen(this.child.pid as number);
    try {
      return { ...found, fd: syscalls.pidfdGetfd(process, found.fd) };
    } finally {
      syscalls.close(process);
      this.send({ close: found.fd });
    }
  }

  private send(question: Question): void {
    this.child.send(question, () => undefined); // its end says more
  }
}
