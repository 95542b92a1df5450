import { formatTimestamp } from '@gantry/api';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';

/** Microseconds since the epoch, and never the same twice in a row within one process: records sort by them. */
export function nowMicros(): number {
  const now = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  last = now > last ? now : last + 1;
  return last;
}
let last = 0;

export function microsToTimestamp(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1000 };
}

/** RFC 3339 with fraction, UTC, as docker prints times. */
export function microsToRfc3339(micros: number): string {
  return formatTimestamp(microsToTimestamp(micros));
}
