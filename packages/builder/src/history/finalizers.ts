import { pause } from '@gantry/rpc';

/** Work on records that waits for a while, or until somebody wants the record whole. */
export class Finalizers {
  private readonly open = new Map<string, { readonly now: AbortController; readonly done: Promise<void> }>();

  constructor(private readonly waitMs: number) {}

  /** `work` handles its own failures. */
  add(ref: string, work: () => Promise<void>): void {
    const now = new AbortController();
    const done = pause(this.waitMs, { signal: now.signal, ref: false }).then(work);
    const entry = { now, done };
    this.open.set(ref, entry);
    void done.finally(() => this.open.get(ref) === entry && this.open.delete(ref));
  }

  /** The record is whole afterwards. */
  async finish(ref: string): Promise<void> {
    const entry = this.open.get(ref);
    entry?.now.abort();
    await entry?.done;
  }

  async finishAll(): Promise<void> {
    await Promise.all([...this.open.keys()].map((ref) => this.finish(ref)));
  }
}
