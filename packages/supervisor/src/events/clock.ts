/** Nanoseconds since the epoch, as docker's timeNano. */
export type NanoClock = () => bigint;

/** A step back of the system clock larger than this is followed; a smaller one is noise between two readings. */
const JUMP = 1_000_000_000n;

/**
 * The system clock with distinct, growing values, so that "everything since the last event I saw" is exact.
 * It follows the wall clock when an administrator sets it back.
 */
export function nanoClock(milliseconds: () => number = Date.now): NanoClock {
  let last = 0n;
  return () => {
    const now = BigInt(milliseconds()) * 1_000_000n;
    last = now > last || last - now > JUMP ? now : last + 1n;
    return last;
  };
}

/**
 * Reads docker's time parameters: `<seconds>[.<nanoseconds>]` since the epoch.
 * Undefined when empty. Throws a RangeError that names the text when it is no such number.
 */
export function parseSecondsNanos(text: string): bigint | undefined {
  if (text === '') return undefined;
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) throw new RangeError(`not a unix time (seconds[.nanoseconds]): "${text}"`);
  const value = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').padEnd(9, '0'));
  return match[1] === '-' ? -value : value;
}
