import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { failedPrecondition, isErrorOf, unavailable } from '@gantry/rpc/errors';
import { endGroup } from './end-group';
import { AnswerReader, encodeRequest, type Fields, type HelperAnswer, type RequestKind } from './frame';

const START_TRIES = 3;
const LEAVE_MS = 1000;

/** What the helper needs of a logger. */
interface WarningLogger {
  warn(fields: object, message: string): void;
}

export interface HelperOptions {
  /** Absolute path of gantry-native. */
  readonly binary: string;
  /** Cgroup directories in which helper and monitors live. */
  readonly cgroups: readonly string[];
  readonly logger: WarningLogger;
}

export interface RunOptions {
  readonly hide: string | undefined;
  readonly cwd: string | undefined;
  /** `file` is one of the command's own, for the id of its process group. */
  readonly until?: { readonly signal: AbortSignal; readonly file: string } | undefined;
}

/**
 * The C helper: started once, kept, restarted when it dies. Every fork of the shim goes through it, because a fork of this process would
 * block its event loop for milliseconds. A request whose helper died without an answer fails with `unavailable`; the monitor that it
 * might have forked would have answered by itself, so nothing of it lives.
 */
export class Helper {
  private life: HelperLife | undefined;
  private stopped = false;
  private nextId = 1;

  constructor(private readonly options: HelperOptions) {}

  /** Starts it, again when it is killed at once; rejects when the binary cannot run. */
  async start(): Promise<void> {
    for (let left = START_TRIES; ; left--) {
      try {
        await this.alive().ready;
        return;
      } catch (error) {
        if (left === 0 || !isErrorOf(error, 'unavailable')) throw error;
      }
    }
  }

  /** Process id of the helper that runs now. */
  get pid(): number | undefined {
    return this.life?.child.pid;
  }

  async request(kind: RequestKind, fields: Fields): Promise<HelperAnswer> {
    const life = this.alive();
    const id = this.nextId++;
    const answer = Promise.withResolvers<HelperAnswer>();
    life.waiting.set(id, answer);
    life.socket.write(encodeRequest(id, kind, fields));
    return answer.promise;
  }

  /**
   * Runs a command of an OCI runtime to its end, in a directory; `hide` is a mount point that it must not see. With `until` it is ended with all that it started when
   * that is aborted.
   */
  async run(argv: readonly string[], { hide, cwd, until }: RunOptions): Promise<HelperAnswer> {
    if (until === undefined) return this.request('run', { argv, hide, cwd });
    until.signal.throwIfAborted();
    const answer = this.request('run', { argv, hide, cwd, group: until.file });
    const end = (): void => void endGroup(until.file, answer);
    until.signal.addEventListener('abort', end, { once: true });
    try {
      return await answer;
    } finally {
      until.signal.removeEventListener('abort', end);
      rmSync(until.file, { force: true });
    }
  }

  /** Closes the socketpair, upon which the helper leaves; waits for its end, a second at most. Monitors go on. */
  async stop(): Promise<void> {
    this.stopped = true;
    const life = this.life;
    if (!life) return;
    life.socket.destroy();
    const { child } = life;
    child.ref();
    if (child.exitCode === null && child.signalCode === null)
      await once(child, 'exit', { signal: AbortSignal.timeout(LEAVE_MS) }).catch(() => undefined);
  }

  private alive(): HelperLife {
    if (this.stopped) throw unavailable('the helper has been stopped');
    this.life ??= this.spawn();
    return this.life;
  }

  private spawn(): HelperLife {
    const { binary, cgroups, logger } = this.options;
    const child = spawn(binary, ['helper', ...cgroups], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'], detached: true, cwd: '/' });
    const socket = child.stdio[3] as Duplex;
    const waiting = new Map<number, PromiseWithResolvers<HelperAnswer>>();
    const ready = Promise.withResolvers<HelperAnswer>();
    ready.promise.catch(() => undefined);
    waiting.set(0, ready);
    const life: HelperLife = { child, socket, waiting, ready: ready.promise };
    const reader = new AnswerReader();
    socket.on('data', (chunk: Buffer) =>
      reader.push(chunk, (id, answer) => {
        waiting.get(id)?.resolve(answer);
        waiting.delete(id);
      }),
    );
    const forget = (): void => {
      if (this.life === life) this.life = undefined;
    };
    const lost = (error: Error): void => {
      forget();
      for (const one of waiting.values()) one.reject(error);
      waiting.clear();
    };
    child.once('error', (error) => lost(failedPrecondition(`cannot run ${binary}: ${error.message}`, { cause: error })));
    child.once('exit', (code, signal) => {
      forget(); // requests that monitors still work on keep the socket open, and are answered
      if (!this.stopped) logger.warn({ code, signal, pid: child.pid }, 'helper died; the next request starts another');
    });
    socket.on('error', () => undefined);
    socket.once('close', () => lost(unavailable('the helper died')));
    child.unref();
    return life;
  }
}

interface HelperLife {
  readonly child: ChildProcess;
  readonly socket: Duplex;
  readonly waiting: Map<number, PromiseWithResolvers<HelperAnswer>>;
  readonly ready: Promise<HelperAnswer>;
}
