import { type Logger, pause } from '@gantry/rpc';
import type { TaskEvent } from './contract';

type Handler = (event: TaskEvent) => void | Promise<void>;

/** Milliseconds before a failed event is handled again: doubled each time, up to the last. */
const FIRST_MS = 100;
const LAST_MS = 30_000;

/**
 * Hands events to their handlers. One that fails (the disk is full) is tried again for as long as it takes, with growing pauses, and what
 * follows it of the same container waits behind it; other containers go on. Nothing is acknowledged over the head of what waits.
 */
export class Deliveries {
  /** Containers for which something waits, with the end of their row. */
  private readonly rows = new Map<string, Promise<void>>();
  /** Events that are not handled yet, and those handled after one that is not: by number, with what tells them from another's. */
  private readonly open = new Map<bigint, string>();
  private readonly done = new Map<bigint, string>();
  private highest = 0n;

  constructor(
    private readonly handlers: Iterable<Handler>,
    private readonly logger: Logger,
    private readonly signal: AbortSignal,
  ) {}

  /** Everything up to this number is handled. */
  get handled(): bigint {
    let floor = this.highest;
    for (const sequence of this.open.keys()) if (sequence <= floor) floor = sequence - 1n;
    return floor;
  }

  /** Resolves when the event is handled, or waits for its next try. `container` is whose row it belongs to. */
  async take(event: TaskEvent, container: string): Promise<void> {
    const name = identity(event);
    // The stream brings again what was not acknowledged.
    if (this.open.get(event.sequence) === name || this.done.get(event.sequence) === name) return;
    this.open.set(event.sequence, name);
    this.highest = event.sequence;
    const before = this.rows.get(container);
    const rest = before === undefined ? await this.handle(event, [...this.handlers]) : [...this.handlers];
    if (rest.length === 0) return this.finish(event);
    const row = (before ?? pause(FIRST_MS, { signal: this.signal, ref: false })).then(() => this.persist(event, rest));
    this.rows.set(container, row);
    void row.then(() => {
      if (this.rows.get(container) === row) this.rows.delete(container);
    });
  }

  private async persist(event: TaskEvent, handlers: readonly Handler[]): Promise<void> {
    let left = handlers;
    for (let wait = FIRST_MS * 2; !this.signal.aborted; wait = Math.min(wait * 2, LAST_MS)) {
      left = await this.handle(event, left);
      if (left.length === 0) return this.finish(event);
      await pause(wait, { signal: this.signal, ref: false });
    }
  }

  /** Answers the handlers that have not had it: from the first that fails. */
  private async handle(event: TaskEvent, handlers: readonly Handler[]): Promise<readonly Handler[]> {
    for (const [index, handler] of handlers.entries()) {
      try {
        await handler(event);
      } catch (error) {
        this.logger.error(
          { err: error, topic: event.topic, sequence: String(event.sequence) },
          'a handler of a task event failed; it is tried again',
        );
        return handlers.slice(index);
      }
    }
    return [];
  }

  private finish({ sequence }: TaskEvent): void {
    this.done.set(sequence, this.open.get(sequence) ?? '');
    this.open.delete(sequence);
    const { handled } = this;
    for (const number of this.done.keys()) if (number <= handled) this.done.delete(number);
  }
}

function identity({ topic, timestamp }: TaskEvent): string {
  return `${topic} ${timestamp?.seconds ?? 0}.${timestamp?.nanos ?? 0}`;
}
