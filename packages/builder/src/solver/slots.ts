/** Bounds what runs at once. Those who wait are served in order; a weight above the number of slots takes all of them. */
export class Slots {
  private free: number;
  private readonly queue: { readonly weight: number; readonly go: () => void }[] = [];

  constructor(private readonly count: number) {
    this.free = count;
  }

  /** Waits for room; the function given back makes room again. Rejects with the signal's reason. */
  async acquire(weight: number, signal: AbortSignal): Promise<() => void> {
    const size = Math.min(Math.max(0, weight), this.count);
    signal.throwIfAborted();
    if (size > 0 && (this.queue.length > 0 || this.free < size)) await this.wait(size, signal);
    else this.free -= size;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.free += size;
      this.serve();
    };
  }

  private wait(weight: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        weight,
        go: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.queue.splice(this.queue.indexOf(entry), 1);
        reject(signal.reason as Error);
        this.serve();
      };
      this.queue.push(entry);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  private serve(): void {
    for (let next = this.queue[0]; next !== undefined && next.weight <= this.free; next = this.queue[0]) {
      this.queue.shift();
      this.free -= next.weight;
      next.go();
    }
  }
}
