/** The two clocks of the process, in milliseconds: the system's time as it is set, in whole ones, and one that only ever goes on, with a fraction. */
export interface Clocks {
  date(): number;
  monotonic(): number;
}

const own: Clocks = { date: () => Date.now(), monotonic: () => performance.now() };

/** Milliseconds after which the fraction is looked up anew: until then the clocks drift apart by less than what a call takes. */
const TRUSTED_MS = 1000;

/**
 * The system's time in microseconds. Node tells it in milliseconds only; `performance.timeOrigin` has the fraction but keeps the time of the process's
 * start, while the system's clock is steered and set. So the fraction comes from the monotonic clock, seen at a tick of the system's.
 */
export class WallClock {
  /** System time minus monotonic time. */
  private offset = 0;
  private seen = -Infinity;

  constructor(private readonly clocks: Clocks = own) {}

  micros(): number {
    const date = this.clocks.date();
    const at = this.clocks.monotonic();
    const guess = at + this.offset;
    if (at - this.seen < TRUSTED_MS && guess >= date && guess < date + 1) return Math.floor(guess * 1000);
    return this.tick(date) * 1000;
  }

  /** Waits for the next millisecond, which is less than one away. */
  private tick(before: number): number {
    let date = this.clocks.date();
    while (date === before) date = this.clocks.date();
    this.seen = this.clocks.monotonic();
    this.offset = date - this.seen;
    return date;
  }
}

const wall = new WallClock();

/** Microseconds since the epoch, as every other program on this machine would tell them. They go back when the system's clock is set back. */
export const wallMicros = (): number => wall.micros();
