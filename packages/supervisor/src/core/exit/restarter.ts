import { after, type Timer } from '@gantry/rpc';

const FIRST_MS = 100;
const LAST_MS = 60_000;
/** A container that ran this long (ms) starts with the first delay again. */
const SETTLED_MS = 10_000;

/** Milliseconds until the next start, doubling each time. */
function nextDelay(previous: number | undefined, ranMs: number): number {
  if (previous === undefined || ranMs >= SETTLED_MS) return FIRST_MS;
  return Math.min(previous * 2, LAST_MS);
}

/** Starts containers again after their delay; one timer for each container. Delays are kept in memory: a new process begins with the first. */
export class Restarter {
  private readonly delays = new Map<string, number>();
  private readonly timers = new Map<string, Timer>();
  private stopped = false;
  /** Containers whose starts another has in hand; 'all' while it is not known which. */
  private held: 'all' | Set<string> = new Set();

  constructor(private readonly start: (id: string) => void) {}

  /** The container ended after `ranMs`; it is started again unless cancelled meanwhile. */
  schedule(id: string, ranMs: number): void {
    if (this.stopped) return;
    const delay = nextDelay(this.delays.get(id), ranMs);
    this.delays.set(id, delay);
    this.cancel(id);
    if (this.held === 'all' || this.held.has(id)) return;
    this.timers.set(
      id,
      after(delay, () => {
        this.timers.delete(id);
        this.start(id);
      }),
    );
  }

  /** Starts none of these, or nothing, by itself: who holds them starts them. */
  hold(ids: 'all' | readonly string[]): void {
    this.held = ids === 'all' ? ids : new Set(ids);
  }

  /** The holder's turn has come, and with it its end. */
  release(id: string): void {
    this.cancel(id);
    if (this.held !== 'all') this.held.delete(id);
  }

  /** Answers whether a restart was waiting. */
  cancel(id: string): boolean {
    this.timers.get(id)?.cancel();
    return this.timers.delete(id);
  }

  /** A user's own start, or a removal: the next delay is the first one again. */
  forget(id: string): void {
    this.cancel(id);
    this.delays.delete(id);
  }

  /** The engine ends: nothing is started any more. */
  get isStopped(): boolean {
    return this.stopped;
  }

  /** Starts nothing any more; the next process goes on with what waits. */
  stop(): void {
    this.stopped = true;
    for (const id of [...this.timers.keys()]) this.cancel(id);
  }
}
