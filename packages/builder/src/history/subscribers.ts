/** Those who hear of events from now on, each in its own time. */
export class Subscribers<T> {
  private readonly open = new Set<{ readonly queue: T[]; wake: () => void }>();
  private closed = false;

  tell(event: T): void {
    for (const subscriber of this.open) {
      subscriber.queue.push(event);
      subscriber.wake();
    }
  }

  /** Hears from this moment on, until the signal aborts or all is over. */
  subscribe(signal: AbortSignal): AsyncGenerator<T> {
    const subscriber = { queue: [] as T[], wake: (): void => undefined };
    if (!signal.aborted) this.open.add(subscriber);
    signal.addEventListener(
      'abort',
      () => {
        this.open.delete(subscriber);
        subscriber.wake();
      },
      { once: true },
    );
    return this.events(subscriber, signal);
  }

  close(): void {
    this.closed = true;
    for (const { wake } of this.open) wake();
  }

  private async *events(subscriber: { readonly queue: T[]; wake: () => void }, signal: AbortSignal): AsyncGenerator<T> {
    try {
      while (!signal.aborted) {
        for (let next = subscriber.queue.shift(); next !== undefined; next = subscriber.queue.shift()) yield next;
        if (this.closed) return;
        await new Promise<void>((resolve) => {
          subscriber.wake = resolve;
          if (subscriber.queue.length > 0 || this.closed || signal.aborted) resolve();
        });
      }
    } finally {
      this.open.delete(subscriber);
    }
  }
}
