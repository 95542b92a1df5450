import type { LogFile } from './chain';
import { type Chunk, readChunks } from './chunks';
import type { LogForm } from './frames/form';
import { LogFrames } from './frames/frames';
import { type LogLine, parseLine, tailOffset } from './json-file';
import { type LogPlace, placeOfStart, Places, startsBehind } from './place';

const NEWLINE = 0x0a;

export interface LogQuery {
  /** Lines from the end; -1 all. */
  readonly tail: number;
  /** Present: wait for more, until the promise says that nothing follows. */
  readonly follow?: Promise<void>;
  readonly signal: AbortSignal;
  /** Go on from here: `tail` says nothing then. */
  readonly behind?: LogPlace | undefined;
  /** Is told where it begins, before the first line. */
  readonly begins?: (place: LogPlace | undefined) => void;
}

/** Lines as their reader is sent them. */
export interface LogBlock {
  readonly frames: readonly Buffer[];
  /** Behind them; undefined where that has no name. */
  readonly place: LogPlace | undefined;
}

/** Lines of a container's log as their reader is sent them, rotated files included, in order; as many at once as one read of the file gave. */
export async function* readLog(path: string, form: LogForm, query: LogQuery): AsyncGenerator<Buffer> {
  for await (const { frames } of readBlocks(path, form, query)) yield* frames;
}

/** The same with the place behind each read, from which another reader goes on. */
export async function* readBlocks(path: string, form: LogForm, query: LogQuery): AsyncGenerator<LogBlock> {
  const { tail, follow, signal, behind, begins } = query;
  const frames = new LogFrames(form);
  const places = new Places();
  const starts = async (files: readonly LogFile[]): Promise<Map<LogFile, number>> => {
    const found = await (behind === undefined ? startsOf(files, tail) : startsBehind(files, behind));
    begins?.(await placeOfStart(files, found));
    return found;
  };
  for await (const { file, data, end } of readChunks(path, { starts, signal, ...(follow && { follow }) })) {
    if (signal.aborted) return;
    yield { frames: frames.of(data), place: await places.in(file, end) };
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
