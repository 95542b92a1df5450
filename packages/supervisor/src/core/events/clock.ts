/** Nanoseconds since the epoch, as docker's timeNano. */
export type NanoClock = () => bigint;

export interface ClockSources {
  /** The wall clock in milliseconds. */
  readonly wall: () => number;
  /** A clock that only grows, in milliseconds with a fraction. */
  readonly steady: () => number;
}

/** A wall clock that differs by more than this (ms) from the steady one was set, and is followed. */
const JUMP_MS = 1000;
const NS_PER_MS = 1_000_000n;

/**
 * The wall clock with the steady clock's resolution and with distinct, growing values, so that "everything since the last event I saw"
 * is exact; all of them are behind `before`, the last one of a former process. When an administrator sets the clock, forth or back, it follows.
 */
export function nanoClock(sources: ClockSources = { wall: Date.now, steady: () => performance.now() }, before = 0n): NanoClock {
  const { wall, steady } = sources;
  let base = wall() - steady();
  let last = before;
  return () => {
    const now = steady();
    if (Math.abs(wall() - (base + now)) > JUMP_MS) base = wall() - now;
    const nanos = BigInt(Math.floor((base + now) * 1000)) * 1000n;
    const back = last - nanos > BigInt(JUMP_MS) * NS_PER_MS;
    last = nanos > last || back ? nanos : last + 1n;
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
