import { closeSync, openSync, readSync } from 'node:fs';
import { declare } from './libc';

const poll = declare('poll', 'int', ['void *', 'ulong', 'int']);

const POLLPRI = 2;
const PART = 64 * 1024;

/**
 * What is derived from the mounts that this process sees, anew after a change only: their table grows with every container that runs, and the kernel makes its text for
 * each reading. The open file tells of changes (proc_pid_mountinfo(5)): a poll is a microsecond.
 */
export class MountTable<T> {
  private fd: number | undefined;
  private derived: { readonly value: T } | undefined;

  /** @param derive from the whole text of mountinfo, as latin1 */
  constructor(
    private readonly derive: (text: string) => T,
    private readonly path = '/proc/self/mountinfo',
  ) {}

  /** As the mounts are now. Throws Node's error where there is no such file. */
  value(): T {
    const fresh = this.fd === undefined;
    const fd = (this.fd ??= openSync(this.path, 'r')); // from here on changes are told
    if (fresh || this.derived === undefined || changed(fd)) {
      this.derived = undefined; // should the reading fail
      this.derived = { value: this.derive(readAll(fd)) };
    }
    return this.derived.value;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.derived = undefined;
  }
}

/** Whether mounts changed since it was opened or this was asked last. POLLERR need not be asked for. */
function changed(fd: number): boolean {
  const watched = Buffer.alloc(8); // struct pollfd: int fd, short events, short revents
  watched.writeInt32LE(fd);
  watched.writeInt16LE(POLLPRI, 4);
  return poll(undefined, watched, 1, 0) > 0;
}

/** A change on the way is told by the next poll. */
function readAll(fd: number): string {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const into = Buffer.allocUnsafe(PART);
    const bytes = readSync(fd, into, 0, PART, at);
    if (bytes === 0) return Buffer.concat(parts).toString('latin1');
    parts.push(into.subarray(0, bytes));
    at += bytes;
  }
}
