/** So many ends within a minute are nobody's loop: each is followed by a start at once. */
const FREE = 15;
const WINDOW = 60_000;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

/** How long a service that ended waits for its next start: not at all at first, then ever longer while it keeps ending. */
export class RestartPace {
  private ends: number[] = [];

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Tells an end; answers the pause in ms. */
  ended(): number {
    const now = this.now();
    this.ends = [...this.ends.filter((time) => now - time < WINDOW), now];
    const over = this.ends.length - FREE;
    return over <= 0 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (over - 1));
  }
}
