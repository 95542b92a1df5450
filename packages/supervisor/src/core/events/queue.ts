/** How many undelivered items a subscriber may have before it is cut off: a stuck client must not hold the service's memory. */
export const QUEUE_LIMIT = 16_384;

/**
 * One subscriber's queue: pushed by the bus, read as an async iterable by one reader.
 * `end` lets the reader finish what is queued; `fail` discards it and makes the reader throw.
 */
export class SubscriberQueue<T> implements AsyncIterableIterator<T> {
  private items: T[] = [];
  private waiting: ((result: IteratorResult<T>) => void) | undefined;
  private waitingReject: ((error: unknown) => void) | undefined;
  private done = false;
  private failure: { error: unknown } | undefined;

  constructor(
    private readonly onClose: () => void,
    private readonly limit: number = QUEUE_LIMIT,
  ) {}

  /** False when the reader fell too far behind and was cut off. */
  push(item: T): boolean {
    if (this.done) return false;
    if (this.waiting !== undefined) {
      const resolve = this.waiting;
      this.clearWaiting();
      resolve({ value: item, done: false });
      return true;
    }
    if (this.items.length >= this.limit) return false;
    this.items.push(item);
    return true;
  }

  end(): void {
    if (this.done) return;
    this.done = true;
    this.onClose();
    const resolve = this.waiting;
    this.clearWaiting();
    resolve?.({ value: undefined, done: true });
  }

  fail(error: unknown): void {
    if (this.done) return;
    this.failure = { error };
    this.items = [];
    this.done = true;
    this.onClose();
    const reject = this.waitingReject;
    this.clearWaiting();
    if (reject !== undefined) {
      this.failure = undefined;
      reject(error);
    }
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.items.shift();
    if (item !== undefined) return Promise.resolve({ value: item, done: false });
    if (this.failure !== undefined) {
      const { error } = this.failure;
      this.failure = undefined;
      return Promise.reject(error);
    }
    if (this.done) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.waiting = resolve;
      this.waitingReject = reject;
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.items = [];
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this;
  }

  private clearWaiting(): void {
    this.waiting = undefined;
    this.waitingReject = undefined;
  }
}
