import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const UNLIMITED = (1n << 64n) - 1n;

/** One write(2), as kernel files want it. */
export function writeValue(path: string, value: string): void {
  const fd = openSync(path, 'w');
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** Writes as writeValue does; a file that takes one value after the other, as rules of devices are given, is opened once. To be closed. */
export class ValueWriter {
  private open: { readonly path: string; readonly fd: number } | undefined;

  write(path: string, value: string): void {
    if (this.open?.path !== path) {
      this.close();
      this.open = { path, fd: openSync(path, 'w') };
    }
    writeSync(this.open.fd, value, 0);
  }

  close(): void {
    if (this.open !== undefined) closeSync(this.open.fd);
    this.open = undefined;
  }
}

/** The text without its last newline; undefined when there is no such file. */
export function readValue(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The kernel has no such file, or none any more, or does not keep this figure. */
export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(codeOf(error));
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

export const readTable = (path: string): Record<string, bigint> => tableOf(readValue(path));

/** Lines `key value`. */
export function tableOf(text = ''): Record<string, bigint> {
  const result: Record<string, bigint> = {};
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    const value = line.slice(space + 1);
    if (space > 0 && /^\d+$/.test(value)) result[line.slice(0, space)] = BigInt(value);
  }
  return result;
}

/** A number, `max` as 2^64-1, nothing as 0. */
export function numberOf(text: string | undefined): bigint {
  return text === undefined || !/^(\d+|max)$/.test(text) ? 0n : text === 'max' ? UNLIMITED : BigInt(text);
}
