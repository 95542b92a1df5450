import type { LogLine } from '../json-file';

/** Which lines of a log a reader wants, and how. */
export interface LogForm {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The container has a terminal: no frames. */
  readonly tty: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Nanoseconds since the epoch, inclusive. */
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
}

export const HEADER = 8;

/** Nanoseconds since the epoch of an RFC 3339 time; 0 for what is none. */
export function nanosOf(time: string): bigint {
  const match = /^(.*:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000n + BigInt((match?.[2] ?? '').padEnd(9, '0'));
}

/** Whether a line is sent; after a late one none is. */
export type Verdict = 'wanted' | 'early' | 'late';

export function verdictOn(time: string, { since, until }: LogForm): Verdict {
  if (since === undefined && until === undefined) return 'wanted';
  const at = nanosOf(time);
  if (until !== undefined && at > until) return 'late';
  return since !== undefined && at < since ? 'early' : 'wanted';
}

/** What stands before the text of a line. */
export function prefixOf({ time, attrs }: Pick<LogLine, 'time' | 'attrs'>, { timestamps, details }: LogForm): string {
  return `${timestamps ? `${padded(time)} ` : ''}${details ? `${detailsOf(attrs ?? {})} ` : ''}`;
}

/** One line as docker sends it: an 8 byte header unless the container has a terminal. */
export function encodeLine(line: LogLine, form: LogForm): Buffer {
  const text = Buffer.from(`${prefixOf(line, form)}${line.log}`);
  if (form.tty) return text;
  const header = Buffer.alloc(HEADER);
  header[0] = line.stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
}

const detailsOf = (attrs: Readonly<Record<string, string>>): string =>
  Object.entries(attrs)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .sort()
    .join(',');

const WHOLE = /^.{16}:\d\d\.\d{9}Z$/;

/** Docker's timestamps of logs have all nine digits. */
function padded(time: string): string {
  if (WHOLE.test(time)) return time;
  const match = /^(.*:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  return match === null ? time : `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}${match[3]}`;
}
