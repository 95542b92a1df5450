import { formatTimestamp, microsToTimestamp, wallMicros } from '@gantry/api';

export { microsToTimestamp };

/** Microseconds since the epoch, and never the same twice in a row within one process: records sort by them. */
export function nowMicros(): number {
  const now = wallMicros();
  last = now <= last && last - now < 1000 ? last + 1 : now;
  return last;
}
let last = 0;

/** The present for a record that has told a time of itself: it never goes back, also where the system's clock was set back. */
export const microsAfter = (earlier: number): number => Math.max(nowMicros(), earlier);

/** RFC 3339 with fraction, UTC, as docker prints times. */
export function microsToRfc3339(micros: number): string {
  return formatTimestamp(microsToTimestamp(micros));
}
