import type { Timestamp } from './gen/google/protobuf/timestamp';
import { wallMicros } from './wall-clock';

/** A Date (milliseconds) as a protobuf timestamp. */
export function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

/** A protobuf timestamp as a Date; what is below a millisecond is dropped. */
export function fromTimestamp(at: Timestamp): Date {
  return new Date(Number(at.seconds) * 1000 + Math.floor(at.nanos / 1_000_000));
}

/** The present, in steps of a microsecond. */
export function timestampNow(): Timestamp {
  return microsToTimestamp(wallMicros());
}

export function microsToTimestamp(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1000 };
}

/** The present, or `earlier` where the system's clock was set back since: what a record tells of itself only goes on. */
export function timestampAfter(earlier: Timestamp | undefined): Timestamp {
  const now = timestampNow();
  if (earlier === undefined || now.seconds > earlier.seconds) return now;
  return now.seconds === earlier.seconds && now.nanos >= earlier.nanos ? now : earlier;
}

/** Docker's RFC3339Nano in UTC, trailing zeros of the fraction dropped: `2024-05-01T10:00:00.5Z`. */
export function formatTimestamp(at: Timestamp): string {
  const whole = new Date(Number(at.seconds) * 1000).toISOString().slice(0, 19);
  const fraction = String(at.nanos).padStart(9, '0').replace(/0+$/, '');
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** Reads RFC3339 with up to nine fractional digits and any offset. Throws a RangeError on anything else. */
export function parseTimestamp(text: string): Timestamp {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = match === null ? NaN : Date.parse(`${match[1] ?? ''}${match[3] ?? ''}`);
  if (match === null || Number.isNaN(ms)) throw new RangeError(`not an RFC3339 time: "${text}"`);
  return { seconds: BigInt(ms / 1000), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}
