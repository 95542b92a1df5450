/**
 * Work that several callers may want at once is done once. It goes on while anybody still waits, whoever began it; when the last one goes
 * away it is aborted.
 */
export class SharedWork<T> {
  private readonly running = new Map<string, { readonly result: Promise<T>; readonly abort: AbortController; waiting: number }>();

  async run(key: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    let job = this.running.get(key);
    if (job === undefined) {
      const abort = new AbortController();
      const started = { result: work(abort.signal), abort, waiting: 0 };
      started.result
        .catch(() => undefined)
        .finally(() => {
          if (this.running.get(key) === started) this.running.delete(key);
        });
      this.running.set(key, started);
      job = started;
    }
    job.waiting++;
    try {
      if (signal === undefined) return await job.result;
      signal.throwIfAborted();
      return await Promise.race([job.result, aborted(signal)]);
    } finally {
      if (--job.waiting === 0 && this.running.get(key) === job) {
        this.running.delete(key);
        job.abort.abort(signal?.reason);
        await job.result.catch(() => undefined);
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
}
