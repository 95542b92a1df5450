import type { Restarter } from './restarter';
import type { TaskEnd } from './exit';

/** How a container's process ended. */
export interface Exit {
  readonly exitCode: bigint;
  readonly error: string;
}

/** An attach that waits for a task, or is connected to one. */
export interface PendingAttach {
  readonly id: string;
  /** Settles with the monitor's socket, or with undefined when no task comes. */
  readonly socket: PromiseWithResolvers<string | undefined>;
  /** Settles when the client is connected, or has gone. */
  readonly ready: PromiseWithResolvers<void>;
  /** Settles when the attach is over for the engine: its start failed, its container was removed, its client has gone. */
  readonly over: PromiseWithResolvers<void>;
}

/** Milliseconds that a start waits for the clients that attached before it. */
const READY_MS = 2000;

/**
 * What containers' ends and starts are waited for with. In memory only: whoever waits over gRPC asks again after a restart of this
 * process.
 */
export class Lifecycle {
  private readonly exits = new Map<string, Set<(exit: Exit) => void>>();
  private readonly removals = new Map<string, Set<(exit: Exit) => void>>();
  private readonly attaches = new Map<string, Set<PendingAttach>>();
  private readonly byAttachId = new Map<string, PendingAttach>();
  private readonly early = new Map<string, TaskEnd>();
  private readonly kept = new Set<string>();
  private readonly releases = new Map<string, Promise<void>>();
  private readonly started = new Set<(id: string) => void>();
  private readonly ended = new Set<(id: string) => void | Promise<void>>();

  constructor(readonly restarter: Restarter) {}

  /** Calls back at every start (monitors of health). */
  onStarted(listener: (id: string) => void): void {
    this.started.add(listener);
  }

  /** Calls back at every end; who waits for it is told once what the listener does is done. */
  onEnded(listener: (id: string) => void | Promise<void>): void {
    this.ended.add(listener);
  }

  tellStarted(id: string): void {
    for (const listener of this.started) listener(id);
  }

  /** All listeners are called before this returns; resolves when they are done. */
  async tellEnded(id: string): Promise<void> {
    await Promise.all([...this.ended].map((listener) => listener(id)));
  }

  /** The next end of this --rm container is part of a restart: it is not removed. */
  keepOnce(id: string): void {
    this.kept.add(id);
  }

  isKept(id: string): boolean {
    return this.kept.has(id);
  }

  /** Its end is written, or does not come. */
  forgetKept(id: string): void {
    this.kept.delete(id);
  }

  /** An end is written and its network is given back now. Answers what to call when that is done. */
  beginRelease(id: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.releases.set(id, promise);
    return () => {
      if (this.releases.get(id) === promise) this.releases.delete(id);
      resolve();
    };
  }

  /** Resolves when the network of an ended container is given back: its ports are free. */
  async released(id: string): Promise<void> {
    await this.releases.get(id);
  }

  /** An end that came while the start was still under way; the start applies it when it is done. */
  keepEarlyExit(id: string, end: TaskEnd): void {
    this.early.set(id, end);
  }

  takeEarlyExit(id: string): TaskEnd | undefined {
    const end = this.early.get(id);
    this.early.delete(id);
    return end;
  }

  /** Calls back once, at the next exit. Returns how to stop. */
  onExit(id: string, listener: (exit: Exit) => void): () => void {
    return subscribe(this.exits, id, listener);
  }

  onRemoved(id: string, listener: (exit: Exit) => void): () => void {
    return subscribe(this.removals, id, listener);
  }

  tellExit(id: string, exit: Exit): void {
    tell(this.exits, id, exit);
  }

  /** A removed container also ends every other wait on it. */
  tellRemoved(id: string, exit: Exit): void {
    tell(this.exits, id, exit);
    tell(this.removals, id, exit);
    this.dropAttaches(id);
  }

  /** Resolves at the next exit, or rejects with the signal's reason. */
  nextExit(id: string, signal: AbortSignal): Promise<Exit> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const abort = (): void => {
        stop();
        reject(signal.reason as Error);
      };
      const stop = this.onExit(id, (exit) => {
        signal.removeEventListener('abort', abort);
        resolve(exit);
      });
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Registers an attach before its container starts. `forget` when the client has gone. */
  addAttach(containerId: string, attachId: string): PendingAttach {
    const attach: PendingAttach = {
      id: attachId,
      socket: Promise.withResolvers(),
      ready: Promise.withResolvers(),
      over: Promise.withResolvers(),
    };
    const set = this.attaches.get(containerId) ?? new Set();
    this.attaches.set(containerId, set.add(attach));
    this.byAttachId.set(attachId, attach);
    return attach;
  }

  forgetAttach(containerId: string, attach: PendingAttach): void {
    attach.socket.resolve(undefined);
    attach.ready.resolve();
    attach.over.resolve();
    this.byAttachId.delete(attach.id);
    const set = this.attaches.get(containerId);
    set?.delete(attach);
    if (set?.size === 0) this.attaches.delete(containerId);
  }

  /** True when such an attach is known. */
  attachReady(attachId: string): boolean {
    const attach = this.byAttachId.get(attachId);
    attach?.ready.resolve();
    return attach !== undefined;
  }

  /** Hands the socket to everybody who attached before the start and waits until they are connected, 2 seconds at most. */
  async connectAttaches(containerId: string, socket: string): Promise<void> {
    const waiting = [...(this.attaches.get(containerId) ?? [])];
    if (waiting.length === 0) return;
    for (const attach of waiting) attach.socket.resolve(socket);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, READY_MS);
    await Promise.race([Promise.all(waiting.map((attach) => attach.ready.promise)), late.promise]);
    clearTimeout(timer);
  }

  /** Ends the attaches that still wait: their container does not start. */
  dropAttaches(containerId: string): void {
    for (const attach of this.attaches.get(containerId) ?? []) this.forgetAttach(containerId, attach);
  }
}

function subscribe<T>(table: Map<string, Set<T>>, id: string, listener: T): () => void {
  const set = table.get(id) ?? new Set();
  table.set(id, set.add(listener));
  return () => {
    set.delete(listener);
    if (set.size === 0 && table.get(id) === set) table.delete(id);
  };
}

function tell(table: Map<string, Set<(exit: Exit) => void>>, id: string, exit: Exit): void {
  const set = table.get(id);
  table.delete(id);
  for (const listener of set ?? []) listener(exit);
}
