import type { FileHandle } from 'node:fs/promises';

/** One line of docker's json-file format. */
export interface LogLine {
  /** With its newline, if it has one. */
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly attrs?: Readonly<Record<string, string>>;
}

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

/** A line, or undefined for one that a crash tore. */
export function parseLine(bytes: Buffer): LogLine | undefined {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Partial<LogLine> | null;
    if (value === null || typeof value.log !== 'string' || typeof value.time !== 'string') return undefined;
    return {
      log: value.log,
      stream: value.stream === 'stderr' ? 'stderr' : 'stdout',
      time: value.time,
      ...(value.attrs === undefined ? {} : { attrs: value.attrs }),
    };
  } catch {
    return undefined;
  }
}

/** Where a file's last `lines` lines begin, read backwards in chunks; and how many it has when they are fewer. */
export async function tailOffset(handle: FileHandle, lines: number): Promise<{ offset: number; found: number }> {
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(CHUNK);
  let found = 0;
  for (let end = size; end > 0;) {
    const begin = Math.max(0, end - CHUNK);
    const { bytesRead } = await handle.read(buffer, 0, end - begin, begin);
    for (let index = bytesRead - 1; index >= 0; index--) {
      // The last byte of the file ends its last line; it does not begin another one.
      if (buffer[index] !== NEWLINE || begin + index === size - 1) continue;
      if (++found === lines) return { offset: begin + index + 1, found };
    }
    end = begin;
  }
  return { offset: 0, found: size > 0 ? found + 1 : 0 };
}
