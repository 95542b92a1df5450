import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { after } from '@gantry/rpc';
import { identity, LineReader, logFiles, type LogLine, parseLine, tailOffset } from './json-file';

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

/** Milliseconds between two looks at a followed file when the kernel tells nothing. */
const LOOK_MS = 1000;

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
  const files = await logFiles(path);
  const starts = await startsOf(files, query.tail);
  for (const [index, file] of files.entries()) {
    const start = starts[index];
    const last = index === files.length - 1;
    if (start === undefined && !last) continue;
    const batches = last && query.follow !== undefined ? follow(path, start ?? 0, query.follow, query.signal) : linesOf(file, start ?? 0);
    for await (const lines of batches) {
      if (query.signal.aborted) return;
      const { until } = query;
      const late = until === undefined ? -1 : lines.findIndex((line) => nanosOf(line.time) > until);
      const wanted = (late < 0 ? lines : lines.slice(0, late)).filter(within);
      if (wanted.length > 0) yield wanted;
      if (late >= 0) return;
    }
  }
}

/** The offset in each file at which the last `tail` lines of all of them begin; undefined: nothing of this file. */
async function startsOf(files: readonly string[], tail: number): Promise<(number | undefined)[]> {
  if (tail < 0) return files.map(() => 0);
  const starts: (number | undefined)[] = files.map(() => undefined);
  let missing = tail;
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index] ?? '';
    if (missing === 0) {
      if (index === files.length - 1) starts[index] = (await endOf(file)) ?? 0;
      break;
    }
    const { offset, found } = await tailOffset(file, missing);
    starts[index] = offset;
    missing -= Math.min(found, missing);
  }
  return starts;
}

async function endOf(file: string): Promise<number | undefined> {
  const handle = await open(file, 'r').catch(() => undefined);
  const size = (await handle?.stat())?.size;
  await handle?.close();
  return size;
}

async function* linesOf(file: string, start: number): AsyncGenerator<LogLine[]> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    yield* available(new LineReader(handle, start));
  } finally {
    await handle.close();
  }
}

async function* available(reader: LineReader): AsyncGenerator<LogLine[]> {
  for (let lines = await reader.next(); lines.length > 0; lines = await reader.next()) {
    yield lines.flatMap((bytes) => parseLine(bytes) ?? []);
  }
}

/** Follows a file over its rotations until `over` settles and everything is read. */
async function* follow(path: string, start: number, over: Promise<void>, signal: AbortSignal): AsyncGenerator<LogLine[]> {
  let ended = false;
  const change = new Change();
  void over.then(() => {
    ended = true;
    change.tell();
  });
  const abort = (): void => change.tell();
  signal.addEventListener('abort', abort, { once: true });
  let position = start;
  try {
    while (!signal.aborted) {
      const finishing = ended;
      const handle = await open(path, 'r').catch(() => undefined);
      if (handle === undefined) {
        if (finishing) return;
        await change.wait(LOOK_MS);
        continue;
      }
      const watcher = watch(path, () => change.tell());
      watcher.on('error', () => change.tell());
      try {
        const mine = await identity(path);
        const reader = new LineReader(handle, position);
        for (;;) {
          const last = ended;
          yield* available(reader);
          const rotated = (await identity(path)) !== mine;
          if (rotated) yield* available(reader);
          if (rotated || signal.aborted) break;
          if (last) return;
          await change.wait(LOOK_MS);
        }
      } finally {
        watcher.close();
        await handle.close();
      }
      position = 0;
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Something may have changed: whoever waits looks again. */
class Change {
  private waiting: (() => void) | undefined;
  private told = false;

  tell(): void {
    this.told = true;
    this.waiting?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.told) {
      await new Promise<void>((resolve) => {
        const timer = after(ms, resolve);
        this.waiting = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.told = false;
    this.waiting = undefined;
  }
}
