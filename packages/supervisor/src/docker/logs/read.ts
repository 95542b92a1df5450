import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '@gantry/linux';
import { after } from '@gantry/rpc';
import { closeAll, identityOf, type LogFile, openChain } from './chain';
import { LineReader, type LogLine, parseLine, tailOffset } from './json-file';

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
  for await (const lines of batches(path, query)) {
    if (query.signal.aborted) return;
    const { until } = query;
    const late = until === undefined ? -1 : lines.findIndex((line) => nanosOf(line.time) > until);
    const wanted = (late < 0 ? lines : lines.slice(0, late)).filter(within);
    if (wanted.length > 0) yield wanted;
    if (late >= 0) return;
  }
}

/** What is there, then what follows. The files are opened once: what is rotated while one of them is read is not lost. */
async function* batches(path: string, query: LogQuery): AsyncGenerator<LogLine[]> {
  const files = await openChain(path);
  try {
    const starts = await startsOf(files, query.tail);
    const newest = query.follow === undefined ? undefined : files.at(-1);
    for (const file of files) if (file !== newest) yield* available(new LineReader(file.handle, starts.get(file)));
    if (query.follow === undefined) return;
    if (newest !== undefined) files.pop(); // the follower closes it
    yield* follow(path, newest, starts, query.follow, query.signal);
  } finally {
    await closeAll(files);
  }
}

/** The offset in each file at which the last `tail` lines of all of them begin. */
async function startsOf(files: readonly LogFile[], tail: number): Promise<Map<LogFile, number>> {
  const starts = new Map<LogFile, number>();
  let missing = tail;
  for (const file of [...files].reverse()) {
    if (tail < 0) starts.set(file, 0);
    else if (missing === 0) starts.set(file, (await file.handle.stat()).size);
    else {
      const { offset, found } = await tailOffset(file.handle, missing);
      starts.set(file, offset);
      missing -= Math.min(found, missing);
    }
  }
  return starts;
}

async function* available(reader: LineReader): AsyncGenerator<LogLine[]> {
  for (let lines = await reader.next(); lines.length > 0; lines = await reader.next()) {
    yield lines.flatMap((bytes) => parseLine(bytes) ?? []);
  }
}

/** Follows the newest file over its rotations until `over` settles and everything is read. Closes what it reads. */
async function* follow(
  path: string,
  newest: LogFile | undefined,
  starts: ReadonlyMap<LogFile, number>,
  over: Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  let ended = false;
  const change = new Change();
  void over.then(() => {
    ended = true;
    change.tell();
  });
  const abort = (): void => change.tell();
  signal.addEventListener('abort', abort, { once: true });
  const unwatch = watchFolder(dirname(path), () => change.tell());
  // The first is being followed; those behind it are what it became by rotation.
  let files = newest === undefined ? [] : [newest];
  try {
    let reader: LineReader | undefined;
    while (!signal.aborted) {
      const last = ended;
      const [current] = files;
      if (current !== undefined) {
        reader ??= new LineReader(current.handle, starts.get(current) ?? 0);
        const rotated = files.length > 1 || (await identityOf(path)) !== current.identity;
        yield* available(reader); // after the look: nothing is written to a file that was rotated
        if (rotated) {
          if (files.length === 1) files = [current, ...(await newerThan(path, current))];
          if (files.length > 1) {
            await closeAll(files.splice(0, 1));
            reader = undefined;
            continue;
          }
        }
      } else files = await openChain(path);
      if (files.length > 0 && reader === undefined) continue;
      if (last) return;
      await change.wait(LOOK_MS);
    }
  } finally {
    signal.removeEventListener('abort', abort);
    unwatch();
    await closeAll(files);
  }
}

/** Tells of every change in a folder; of nothing when the folder is gone, as that of a container which was removed just now. */
function watchFolder(folder: string, tell: () => void): () => void {
  try {
    const watcher = watch(folder, tell);
    watcher.on('error', tell);
    return () => watcher.close();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return () => undefined;
  }
}

/** The files that a rotation began after this one; all that are left when it was taken away already. */
async function newerThan(path: string, { identity }: LogFile): Promise<LogFile[]> {
  const chain = await openChain(path);
  const known = chain.findIndex((file) => file.identity === identity);
  await closeAll(chain.slice(0, known + 1));
  return chain.slice(known + 1);
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
