import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One write(2), as kernel files want it. */
export function writeValue(path: string, value: string): void {
  const fd = openSync(path, 'w');
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** The text without its last newline; undefined when there is no such file. */
export function readValue(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

/** Lines `key value`. */
export function readTable(path: string): Record<string, bigint> {
  const result: Record<string, bigint> = {};
  for (const line of (readValue(path) ?? '').split('\n')) {
    const [key, value] = line.split(' ');
    if (key && value !== undefined && /^\d+$/.test(value)) result[key] = BigInt(value);
  }
  return result;
}

/** A number, `max` as 2^64-1, nothing as 0. */
export function readNumber(path: string): bigint {
  const text = readValue(path);
  return text === undefined || !/^(\d+|max)$/.test(text) ? 0n : text === 'max' ? (1n << 64n) - 1n : BigInt(text);
}
