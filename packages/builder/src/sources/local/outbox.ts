/** Messages to the other side, sent in order as it takes them. */
export class Outbox<T> implements AsyncIterable<T> {
  private waiting: T[] = [];
  private wake: (() => void) | undefined;
  private over = false;
  private taken: (() => void) | undefined;

  /** backlog: messages that may wait before `room` does. */
  constructor(private readonly backlog = Infinity) {}

  push(message: T): void {
    this.waiting.push(message);
    this.wake?.();
  }

  /** Resolves when few messages wait. */
  async room(): Promise<void> {
    while (this.waiting.length >= this.backlog && !this.over) await new Promise<void>((resolve) => (this.taken = resolve));
  }

  /** Nothing follows. */
  end(): void {
    this.over = true;
    this.wake?.();
    this.taken?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const batch = this.waiting;
      this.waiting = [];
      yield* batch;
      this.taken?.();
      if (this.waiting.length > 0) continue;
      if (this.over) return;
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = undefined;
    }
  }
}
