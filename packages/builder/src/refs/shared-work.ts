import type { CallContext } from '@gantry/rpc';

/** One work at a time for a key; whoever wants the same meanwhile waits for it. When it ended only because its caller left, the next one does it again. */
export class SharedWork<T> {
  private readonly running = new Map<string, { readonly work: Promise<T>; readonly signal: AbortSignal }>();

  async run(ctx: CallContext, key: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const other = this.running.get(key);
      if (other === undefined) break;
      try {
        return await other.work;
      } catch (error) {
        if (!other.signal.aborted || ctx.signal.aborted) throw error;
      }
    }
    ctx.signal.throwIfAborted();
    const entry = { work: work(), signal: ctx.signal };
    this.running.set(key, entry);
    try {
      return await entry.work;
    } finally {
      this.running.delete(key);
    }
  }
}
