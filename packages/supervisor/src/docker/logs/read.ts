import type { LogFile } from './chain';
import { type Chunk, readChunks } from './chunks';
import { type LogLine, parseLine, tailOffset } from './json-file';

export interface LogQuery {
  /** Lines from the end; -1 all. */
  readonly tail: number;
  /** Nanoseconds since the epoch, inclusive. */
  readonly since?: bigint | undefined;
  readonly until?: bigint | undefined;
  /** Present: wait for more, until the promise says that nothing follows. */
  readonly follow?: Promise<void>;
  readonly signal: AbortSignal;
}

/** Nanoseconds since the epoch of an RFC 3339 time. */
export function nanosOf(time: string): bigint {
  const match = /^(.*:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (match === null) return 0n;
  return BigInt(Date.parse(`${match[1]}${match[3]}`)) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Lines of a container's log, rotated files included, in order; as many at once as one read of the file gave. */
export async function* readLog(path: string, query: LogQuery): AsyncGenerator<LogLine[]> {
  const within = (line: LogLine): boolean => {
    if (query.since === undefined && query.until === undefined) return true;
    const at = nanosOf(line.time);
    return (query.since === undefined || at >= query.since) && (query.until === undefined || at <= query.until);
  };
  const { follow, signal } = query;
  for await (const chunk of readChunks(path, { starts: (files) => startsOf(files, query.tail), signal, ...(follow && { follow }) })) {
    if (signal.aborted) return;
    const lines = linesOf(chunk);
    const { until } = query;
    const late = until === undefined ? -1 : lines.findIndex((line) => nanosOf(line.time) > until);
    const wanted = (late < 0 ? lines : lines.slice(0, late)).filter(within);
    if (wanted.length > 0) yield wanted;
    if (late >= 0) return;
  }
}

/** The whole lines of a chunk; what a crash tore is passed over. */
export const linesOf = ({ lines }: Chunk): LogLine[] => lines.flatMap((bytes) => parseLine(bytes) ?? []);

/** The offset in each file at which the last `tail` lines of all of them begin; a file that has none of them is not opened. */
async function startsOf(files: readonly LogFile[], tail: number): Promise<Map<LogFile, number>> {
  const starts = new Map<LogFile, number>();
  let missing = tail;
  for (const file of [...files].reverse()) {
    if (tail < 0) starts.set(file, 0);
    else if (missing > 0) {
      const { offset, found } = await tailOffset(await file.contents(), missing);
      starts.set(file, offset);
      missing -= Math.min(found, missing);
    } else if (file === files.at(-1)) starts.set(file, (await (await file.contents()).stat()).size);
  }
  return starts;
}
