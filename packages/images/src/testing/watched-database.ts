import { Database } from '../store/database';

/** A store that notes which of its transactions wait for the disk. */
export class WatchedDatabase extends Database {
  /** Of each transaction that was not within another. */
  private readonly waits: boolean[] = [];
  private within = false;

  override transaction<T>(fn: () => T, options: { readonly durable?: boolean } = {}): T {
    if (this.within) return super.transaction(fn, options);
    this.waits.push(options.durable ?? true);
    this.within = true;
    try {
      return super.transaction(fn, options);
    } finally {
      this.within = false;
    }
  }

  /** What was noted since this was last asked. */
  waited(): boolean[] {
    return this.waits.splice(0);
  }
}
