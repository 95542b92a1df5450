import { after, type Timer, unavailable } from '@gantry/rpc';
import type { LogProgress } from '../driver';
import { loss } from '../wires/wire';

export interface BatchRules<T> {
  /** Events of one batch at most. */
  readonly most: number;
  readonly mostBytes: number;
  /** Milliseconds for which a batch that is not full waits for more. */
  readonly restMs: number;
  bytes(event: T): number;
  /** Whether an event may go with the first one of a batch. */
  together?(first: T, event: T): boolean;
  /** Answers how many of them the other side refuses for good. Rejects when it has none of them. */
  post(events: readonly T[], signal: AbortSignal): Promise<number>;
}

/** Milliseconds that a last batch gets when its container is not to be waited for. */
const HURRY_MS = 2000;

/**
 * Events on their way to a server that takes many at once. They go in order, one batch at a time; a batch that fails is the end of it, and whoever sent begins anew
 * from what `progress` told last.
 */
export class Batches<T> {
  private queue: T[] = [];
  private bytes = 0;
  private added = 0;
  private taken = 0;
  private refused = 0;
  /** Sends that are through when so many events are. */
  private marks: { readonly events: number; readonly sends: number }[] = [];
  private sure = 0;
  private rest: Timer | undefined;
  private posting: Promise<void> | undefined;
  private broken = false;
  private readonly stopping = new AbortController();
  private readonly loss = loss();
  readonly lost = this.loss.lost;

  constructor(private readonly rules: BatchRules<T>) {}

  add(event: T): void {
    this.queue.push(event);
    this.bytes += this.rules.bytes(event);
    this.added++;
  }

  /** The lines of so many sends are all among what was added. */
  mark(sends: number): void {
    this.marks.push({ events: this.added, sends });
    this.advance();
  }

  progress(): LogProgress {
    return { sends: this.sure, refused: this.refused };
  }

  /** Settles when there is room for more. */
  async room(signal: AbortSignal): Promise<void> {
    this.kick();
    while (this.isFull() && !this.broken) {
      signal.throwIfAborted();
      await this.posting;
      this.kick();
    }
    if (this.broken) await this.lost;
  }

  /** What waits goes at once. With a signal that is raised it gets little time. */
  async close(signal?: AbortSignal): Promise<void> {
    this.rest?.cancel();
    let hurry: Timer | undefined;
    const hasten = (): void => void (hurry ??= after(HURRY_MS, () => this.stopping.abort(new Error('the last lines take too long'))));
    if (signal?.aborted === true) hasten();
    else signal?.addEventListener('abort', hasten, { once: true });
    try {
      while (!this.broken && (this.posting !== undefined || this.queue.length > 0)) {
        this.begin();
        await this.posting;
      }
    } finally {
      hurry?.cancel();
      signal?.removeEventListener('abort', hasten);
      this.stopping.abort(new Error('the connection was closed'));
    }
  }

  private isFull(): boolean {
    return this.queue.length >= this.rules.most || this.bytes >= this.rules.mostBytes;
  }

  /** After something was added while nothing is sent. */
  kick(): void {
    if (this.queue.length === 0 || this.posting !== undefined || this.broken) return;
    if (this.isFull()) this.begin();
    else this.rest ??= after(this.rules.restMs, () => this.begin());
  }

  private begin(): void {
    this.rest?.cancel();
    this.rest = undefined;
    if (this.posting !== undefined || this.broken || this.queue.length === 0) return;
    const events = this.cut();
    this.posting = this.rules
      .post(events, this.stopping.signal)
      .then(
        (refused) => {
          this.taken += events.length;
          this.refused += refused;
          this.advance();
        },
        (error: unknown) => {
          this.broken = true;
          this.loss.lose(error instanceof Error ? error : unavailable(String(error)));
        },
      )
      .finally(() => {
        this.posting = undefined;
        this.kick();
      });
  }

  private cut(): T[] {
    const { most, mostBytes, together } = this.rules;
    const [first] = this.queue;
    let count = 0;
    let bytes = 0;
    for (const event of this.queue) {
      const size = this.rules.bytes(event);
      if (count === most || (count > 0 && (bytes + size > mostBytes || together?.(first as T, event) === false))) break;
      bytes += size;
      count++;
    }
    this.bytes -= bytes;
    return this.queue.splice(0, count);
  }

  private advance(): void {
    let through = 0;
    while (through < this.marks.length && (this.marks[through]?.events ?? Infinity) <= this.taken) through++;
    for (const { sends } of this.marks.splice(0, through)) this.sure = Math.max(this.sure, sends);
  }
}
