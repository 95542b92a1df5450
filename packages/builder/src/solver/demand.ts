import { setMaxListeners } from 'node:events';
import { cancelled } from '@gantry/rpc';

/** One who waits for steps: a solve of a build. */
export interface Waiter {
  readonly sessionIds: readonly string[];
  /** The trace that it waits in. */
  readonly traceparent?: string | undefined;
}

/**
 * Who wants a step. While there is somebody its work goes on; when the last one leaves, the signal aborts. Whoever comes afterwards gets a new signal.
 */
export class Demand {
  private readonly waiters = new Set<Waiter>();
  private readonly followers = new Set<Demand>();
  private readonly leaders = new Set<Demand>();
  private controller = new AbortController();

  /** `idle` is called when nobody is left. */
  constructor(private readonly idle: () => void) {
    setMaxListeners(0, this.controller.signal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  join(waiter: Waiter): void {
    if (this.controller.signal.aborted) {
      this.controller = new AbortController();
      setMaxListeners(0, this.controller.signal);
    }
    this.waiters.add(waiter);
  }

  leave(waiter: Waiter): void {
    if (this.waiters.delete(waiter)) this.check();
  }

  /** This step's outcome is that of another step: as long as this one is wanted, so is that. */
  follow(leader: Demand): () => void {
    leader.followers.add(this);
    this.leaders.add(leader);
    return () => {
      leader.followers.delete(this);
      this.leaders.delete(leader);
      leader.check();
    };
  }

  get wanted(): boolean {
    if (this.waiters.size > 0) return true;
    for (const follower of this.followers) if (follower.wanted) return true;
    return false;
  }

  /** Sessions of all who wait, in the order they came. */
  sessionIds(): string[] {
    const ids = new Set<string>();
    for (const waiter of this.waiters) for (const id of waiter.sessionIds) ids.add(id);
    for (const follower of this.followers) for (const id of follower.sessionIds()) ids.add(id);
    return [...ids];
  }

  /** The trace of the first who waits: work that several wait for is a part of one of them. */
  get traceparent(): string | undefined {
    for (const { traceparent } of this.waiters) if (traceparent !== undefined) return traceparent;
    for (const { traceparent } of this.followers) if (traceparent !== undefined) return traceparent;
    return undefined;
  }

  private check(): void {
    if (this.wanted || this.controller.signal.aborted) return;
    this.controller.abort(cancelled('context canceled'));
    this.idle();
    for (const leader of this.leaders) leader.check();
  }
}
