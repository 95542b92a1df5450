import { closeSync, openSync, readSync } from 'node:fs';
import { isAbsent } from './files';

const BUFFER_BYTES = 16 * 1024;
/** Of one thread, which reads one file after the other. */
let buffer: Buffer | undefined;

/**
 * Files of the kernel that are read again and again, kept open: it makes their text anew for each read from the beginning, and opening and closing costs
 * several times as much as that. A file that is not there is not looked for again.
 */
export class KeptFiles {
  private readonly descriptors = new Map<string, number | undefined>();

  /** The text without its last newline; undefined where there is no such file, or none any more. */
  readonly text = (path: string): string | undefined => {
    try {
      const fd = this.descriptors.has(path) ? this.descriptors.get(path) : this.open(path);
      return fd === undefined ? undefined : textOf(fd).trimEnd();
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  };

  close(): void {
    for (const fd of this.descriptors.values()) if (fd !== undefined) closeSync(fd);
    this.descriptors.clear();
  }

  private open(path: string): number | undefined {
    this.descriptors.set(path, undefined);
    const fd = openSync(path, 'r');
    this.descriptors.set(path, fd);
    return fd;
  }
}

/** A cgroup's file is one record, so that a read that does not fill the buffer has come to its end. */
function textOf(fd: number): string {
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  let text = '';
  for (let at = 0; ;) {
    const length = readSync(fd, buffer, 0, BUFFER_BYTES, at);
    text += buffer.toString('latin1', 0, length);
    at += length;
    if (length < BUFFER_BYTES) return text;
  }
}
