/** The two clocks of the process, in milliseconds: the system's time as it is set, in whole ones, and one that only ever goes on, with a fraction. */
export interface Clocks {
  date(): number;
  monotonic(): number;
}

const own: Clocks = { date: () => Date.now(), monotonic: () => performance.now() };

/** How often both clocks are read before they are found to disagree, or a tick is taken as it was seen: a process may be put aside between two looks. */
const LOOKS = 3;

/** Milliseconds between two looks of a process that was not put aside. */
const CLOSE_MS = 0.02;

/** A clock without a tick in so many milliseconds, or whose monotonic one says the same in so many looks, stands still: a test holds it. */
const STILL_MS = 20;
const STILL_LOOKS = 100;

/**
 * The system's time in microseconds. Node tells it in milliseconds only, and `performance.timeOrigin` is wrong by what a busy start took. So the fraction
 * comes from the monotonic clock, seen at a tick of the system's. The kernel steers both alike: their distance changes only when somebody sets the system's
 * clock, and then the two disagree about the millisecond sooner or later, within one millisecond until that.
 */
export class WallClock {
  /** System time minus monotonic time. */
  private offset = NaN;

  constructor(private readonly clocks: Clocks = own) {}

  micros(): number {
    for (let looks = 0; looks < LOOKS; looks++) {
      const date = this.clocks.date();
      const time = this.clocks.monotonic() + this.offset;
      if (time >= date && time < date + 1) return Math.floor(time * 1000);
    }
    return this.tick() * 1000;
  }

  /** Waits for the next millisecond, which is less than one away: once in a process's life, and when its clock was set. */
  private tick(): number {
    const { date, monotonic } = this.clocks;
    let now = date();
    for (let tries = 1; ; tries++) {
      const last = now;
      let [earlier, at] = [0, monotonic()];
      const began = at;
      let same = 0;
      while (now === last && same < STILL_LOOKS && at - began < STILL_MS) {
        [earlier, at, now] = [at, monotonic(), date()];
        same = at === earlier ? same + 1 : 0;
      }
      const after = monotonic();
      this.offset = now - after;
      if (now === last || after - earlier <= CLOSE_MS || tries === LOOKS) return now;
    }
  }
}

const wall = new WallClock();

/** Microseconds since the epoch, as every other program on this machine would tell them. They go back when the system's clock is set back. */
export const wallMicros = (): number => wall.micros();
