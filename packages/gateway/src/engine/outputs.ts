import { pause } from '@gantry/rpc';

/** Output on its way to attached clients: an exit is told behind it, as dockerd tells it, though the two travel on connections of their own. */
export class Outputs {
  private readonly open = new Map<string, Set<Promise<void>>>();

  /** An output of a container; whoever writes it calls what it gets once all is written or nobody reads it any more. */
  begin(containerId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const outputs = this.open.get(containerId) ?? new Set();
    this.open.set(containerId, outputs.add(promise));
    return () => {
      resolve();
      outputs.delete(promise);
      if (outputs.size === 0 && this.open.get(containerId) === outputs) this.open.delete(containerId);
    };
  }

  /** Resolves when all output of a container is written, at the latest after so many milliseconds: a process of another namespace may hold it open for ever. */
  async written(containerId: string, limitMs: number): Promise<void> {
    const outputs = this.open.get(containerId);
    if (outputs === undefined) return;
    const told = new AbortController();
    await Promise.race([Promise.all(outputs), pause(limitMs, { signal: told.signal })]);
    told.abort();
  }
}
