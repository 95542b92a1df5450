import type { LogFile } from './chain';
import { type Chunk, readChunks } from './chunks';
import type { LogForm } from './frames/form';
import { LogFrames } from './frames/frames';
import { type LogLine, parseLine, tailOffset } from './json-file';

const NEWLINE = 0x0a;

export interface LogQuery {
  /** Lines from the end; -1 all. */
  readonly tail: number;
  /** Present: wait for more, until the promise says that nothing follows. */
  readonly follow?: Promise<void>;
  readonly signal: AbortSignal;
}

/** Lines of a container's log as their reader is sent them, rotated files included, in order; as many at once as one read of the file gave. */
export async function* readLog(path: string, form: LogForm, { tail, follow, signal }: LogQuery): AsyncGenerator<Buffer> {
  const frames = new LogFrames(form);
  for await (const { data } of readChunks(path, { starts: (files) => startsOf(files, tail), signal, ...(follow && { follow }) })) {
    if (signal.aborted) return;
    yield* frames.of(data);
    if (frames.over) return;
  }
}

/** The whole lines of a chunk; what a crash tore is passed over. */
export function linesOf({ data }: Chunk): LogLine[] {
  const lines: LogLine[] = [];
  for (let from = 0, to = data.indexOf(NEWLINE); to >= 0; from = to + 1, to = data.indexOf(NEWLINE, from)) {
    const line = parseLine(data.subarray(from, to));
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

/** How many there are, torn ones included. */
export function countLines({ data }: Chunk): number {
  let count = 0;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

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
