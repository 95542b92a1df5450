import type { Timestamp } from './gen/google/protobuf/timestamp';

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

/** The present, with the nanoseconds that the system clock gives Node (microsecond steps). */
export function timestampNow(): Timestamp {
  const ms = performance.timeOrigin + performance.now();
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1000) * 1000 };
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
