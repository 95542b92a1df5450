/** Runs at most `count` pieces of work at once, in the order they came. */
export class Limit {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private count: number) {}

  /** Another number from now on; what runs beyond a smaller one goes on to its end. */
  resize(count: number): void {
    this.count = count;
    while (this.running < count && this.waiting.length > 0) {
      this.running++;
      this.waiting.shift()?.();
    }
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.count) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      const next = this.running > this.count ? undefined : this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
