/** One process that a user runs in a container. */
export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly args: readonly string[];
  readonly user: string;
  readonly privileged: boolean;
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly tty: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly detachKeys: string;
  /** What was asked for the leaving of its client; absent: the container's label says it. */
  readonly endWithClient?: boolean | undefined;
  consoleSize: readonly number[];
  state: 'created' | 'starting' | 'running' | 'exited';
  pid: number;
  exitCode: number | undefined;
}

/** An exec that its client asked to start, waiting for the client to be connected. */
export interface ExecGate {
  readonly ready: PromiseWithResolvers<void>;
}

/** Finished execs stay this long (ms), so that a client can ask for the exit code. */
const KEPT_MS = 5 * 60_000;

/**
 * The execs of all containers. They live as long as this process: an exec's process goes on when the supervisor is killed, and its
 * exit is found again by its monitor's socket; its record is kept beside the run state.
 */
export class ExecTable {
  private readonly execs = new Map<string, Exec>();
  private readonly waiting = new Map<string, Set<(exitCode: number) => void>>();
  private readonly early = new Map<string, number>();
  readonly gates = new Map<string, ExecGate>();

  constructor(private readonly store: ExecStore) {
    for (const exec of store.load()) this.execs.set(exec.id, exec);
  }

  add(exec: Exec): void {
    this.execs.set(exec.id, exec);
    this.store.save(exec);
  }

  get(id: string): Exec | undefined {
    return this.execs.get(id);
  }

  /** By id or unambiguous prefix. */
  find(ref: string): Exec | undefined {
    const exact = this.execs.get(ref);
    if (exact !== undefined || ref === '') return exact;
    const matches = [...this.execs.values()].filter(({ id }) => id.startsWith(ref));
    return matches.length === 1 ? matches[0] : undefined;
  }

  /** Ids of a container's execs that have not ended, as inspect shows them. */
  idsOf(containerId: string): string[] {
    return [...this.execs.values()].filter((exec) => exec.containerId === containerId && exec.state !== 'exited').map(({ id }) => id);
  }

  list(): Exec[] {
    return [...this.execs.values()];
  }

  changed(exec: Exec): void {
    this.store.save(exec);
  }

  /** Calls back at the exec's end, at once when it has ended. */
  onExit(id: string, listener: (exitCode: number) => void): () => void {
    const exec = this.execs.get(id);
    if (exec?.state === 'exited') {
      listener(exec.exitCode ?? 0);
      return () => undefined;
    }
    const set = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, set.add(listener));
    return () => set.delete(listener);
  }

  /** The end of an exec's process. Repeated: no change. */
  exited(containerId: string, id: string, exitCode: number): Exec | undefined {
    const exec = this.execs.get(id);
    if (exec === undefined || exec.containerId !== containerId || exec.state === 'exited' || exec.state === 'created') return undefined;
    if (exec.state === 'starting') {
      this.early.set(id, exitCode);
      return undefined;
    }
    exec.state = 'exited';
    exec.exitCode = exitCode;
    this.store.save(exec);
    this.onEnded(exec);
    const listeners = this.waiting.get(id);
    this.waiting.delete(id);
    for (const listener of listeners ?? []) listener(exitCode);
    setTimeout(() => this.drop(id), KEPT_MS).unref();
    return exec;
  }

  /** An end that was told before the start had answered. */
  takeEarly(id: string): number | undefined {
    const code = this.early.get(id);
    this.early.delete(id);
    return code;
  }

  /** Set by the engine: events and the shim's bookkeeping. */
  onEnded: (exec: Exec) => void = () => undefined;

  /** Its container ended: whatever still ran in it was killed. */
  containerEnded(containerId: string): void {
    for (const exec of this.execs.values()) {
      if (exec.containerId !== containerId) continue;
      if (exec.state === 'created') {
        this.drop(exec.id); // docker forgets those that nobody started
        continue;
      }
      this.gates.get(exec.id)?.ready.resolve();
      if (exec.state === 'running' || exec.state === 'starting') exec.state = 'running';
      if (exec.state === 'running') this.exited(containerId, exec.id, 137);
    }
  }

  /** An exec that nobody will ask for. */
  forget(id: string): void {
    this.drop(id);
  }

  containerGone(containerId: string): void {
    for (const exec of [...this.execs.values()]) if (exec.containerId === containerId) this.drop(exec.id);
  }

  private drop(id: string): void {
    this.execs.delete(id);
    this.early.delete(id);
    this.store.remove(id);
  }
}

/** Where execs survive a crash of this process (not of the machine). */
export interface ExecStore {
  load(): Exec[];
  save(exec: Exec): void;
  remove(id: string): void;
}

export const noExecStore: ExecStore = { load: () => [], save: () => undefined, remove: () => undefined };
