import { formatTimestamp, timestampNow } from '@gantry/api';

/** The present, RFC 3339 with nanoseconds, as docker writes times. */
export function nowText(): string {
  return formatTimestamp(timestampNow());
}

/** Docker's time of what never happened. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';
