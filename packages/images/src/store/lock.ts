import { AT, hasCode, LOCK, O, syscalls } from '@gantry/linux';
import { failedPrecondition } from '@gantry/rpc';

/** One process at a time has a store: the kernel lets the lock go with the process, however it ends. */
export class StoreLock {
  private held: number | undefined;

  constructor(private readonly path: string) {}

  take(): void {
    const file = syscalls.openat(AT.FDCWD, this.path, O.RDWR | O.CREAT | O.CLOEXEC, 0o600);
    try {
      syscalls.flock(file, LOCK.EX | LOCK.NB);
    } catch (error) {
      syscalls.close(file);
      if (hasCode(error, 'EAGAIN', 'EWOULDBLOCK'))
        throw failedPrecondition(`another process has the store open (${this.path})`, { cause: error });
      throw error;
    }
    this.held = file;
  }

  release(): void {
    if (this.held !== undefined) syscalls.close(this.held);
    this.held = undefined;
  }
}
