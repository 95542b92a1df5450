import type { LogMessage } from '../drivers/driver';

/** A line that has waited less is not late: it is dropped by no buffer. */
const LATE_MS = 1000;

/**
 * What may wait on the way to a remote that does not hold the container up: so many bytes, or lines. Lines that have waited behind more than that are dropped and
 * counted, the newest first, as dockerd's ring does; a remote that keeps up loses none.
 */
export class Allowance {
  private left: number;
  /** Time of the last line that was there when this round began. */
  private until = Infinity;

  /** What waits when it begins was not held up by a remote but by the death of a service: nothing of it is dropped. */
  constructor(
    private readonly limit: number,
    private readonly weigh: (message: LogMessage) => number,
  ) {
    this.left = Infinity;
    this.until = Date.now();
  }

  takes(message: LogMessage): boolean {
    const at = Date.parse(message.time);
    const now = Date.now();
    if (at > this.until) {
      this.left = this.limit;
      this.until = now;
    }
    const size = this.weigh(message);
    if (size > this.left && now - at > LATE_MS) return false;
    this.left = Math.max(0, this.left - size);
    return true;
  }
}
