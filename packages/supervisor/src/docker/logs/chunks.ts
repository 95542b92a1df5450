import { dirname } from 'node:path';
import { closeAll, identityOf, type LogFile, openChain } from './chain';
import { Change, watchFolder } from './change';
import { pause } from '@gantry/rpc';
import { LineReader } from './line-reader';

/** Milliseconds between two looks at a followed file when the kernel tells nothing. */
const LOOK_MS = 1000;

/** Bytes of one look after which the next one rests, so that a container that writes much is not looked at for each of its writes. */
const MUCH = 32 * 1024;
const REST_MS = 4;

/** Whole lines of one file, as many as one read gave. */
export interface Chunk {
  readonly file: LogFile;
  /** The lines, each with its newline. Good until the next chunk is asked for. */
  readonly data: Buffer;
  /** Where in the file the last of them ends. */
  readonly end: number;
}

export interface ChunkQuery {
  /** Where to begin in each file, oldest first; files that are not named are passed over. */
  readonly starts: (files: readonly LogFile[]) => Promise<ReadonlyMap<LogFile, number>>;
  /** Present: wait for more, until the promise says that nothing follows. */
  readonly follow?: Promise<void>;
  readonly signal: AbortSignal;
}

/** What is there, then what follows. The files are opened once: what is rotated while one of them is read is not lost. */
export async function* readChunks(path: string, query: ChunkQuery): AsyncGenerator<Chunk> {
  const files = await openChain(path);
  try {
    const starts = await query.starts(files);
    const newest = query.follow === undefined ? undefined : files.at(-1);
    for (const file of files) {
      const start = starts.get(file);
      if (file !== newest && start !== undefined) yield* available(file, new LineReader(await file.contents(), start));
    }
    if (query.follow === undefined) return;
    if (newest !== undefined) files.pop(); // the follower closes it
    yield* follow(path, newest, starts.get(newest as LogFile) ?? 0, { over: query.follow, signal: query.signal });
  } finally {
    await closeAll(files);
  }
}

/** Answers how many bytes there were. */
async function* available(file: LogFile, reader: LineReader): AsyncGenerator<Chunk, number> {
  let bytes = 0;
  try {
    for (let data = await reader.next(); data !== undefined; data = await reader.next()) {
      bytes += data.length;
      yield { file, data, end: reader.consumed };
    }
  } finally {
    reader.close();
  }
  return bytes;
}

/** Follows the newest file over its rotations until `over` settles and everything is read. Closes what it reads. */
async function* follow(
  path: string,
  newest: LogFile | undefined,
  start: number,
  { over, signal }: { readonly over: Promise<void>; readonly signal: AbortSignal },
): AsyncGenerator<Chunk> {
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
      let brought = 0;
      if (current !== undefined) {
        reader ??= new LineReader(await current.contents(), current === newest ? start : 0);
        const rotated = files.length > 1 || (await identityOf(path)) !== current.identity;
        brought = yield* available(current, reader); // after the look: nothing is written to a file that was rotated
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
      if (brought > MUCH && !ended) await pause(REST_MS, { signal });
    }
  } finally {
    signal.removeEventListener('abort', abort);
    unwatch();
    await closeAll(files);
  }
}

/** The files that a rotation began after this one; all that are left when it was taken away already. It may have been compressed meanwhile. */
async function newerThan(path: string, current: LogFile): Promise<LogFile[]> {
  const chain = await openChain(path);
  let known = chain.findIndex((file) => file.identity === current.identity);
  if (known < 0) known = (await Promise.all(chain.map((file) => file.name()))).lastIndexOf(await current.name());
  await closeAll(chain.slice(0, known + 1));
  return chain.slice(known + 1);
}
