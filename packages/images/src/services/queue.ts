/** Values pushed from callbacks, read as an async iterable. The end (or failure) of the work that pushes ends it. */
export class Queue<T> implements AsyncIterable<T> {
  private readonly values: T[] = [];
  private wake: (() => void) | undefined;
  private ended = false;
  private failure: Error | undefined;

  push(value: T): void {
    this.values.push(value);
    this.wake?.();
  }

  /** Runs the work; the iteration ends with it and throws what it throws. */
  follow(work: Promise<unknown>): this {
    work.then(
      () => this.end(),
      (error: unknown) => {
        this.failure = error as Error;
        this.end();
      },
    );
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const value = this.values.shift();
      if (value !== undefined) yield value;
      else if (!this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
      else if (this.failure !== undefined) throw this.failure;
      else return;
    }
  }

  private end(): void {
    this.ended = true;
    this.wake?.();
  }
}
