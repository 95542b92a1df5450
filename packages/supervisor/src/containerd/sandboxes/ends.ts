import { asGantryError, type CallContext } from '@gantry/rpc';

/** Who waits for the end of a sandbox. */
export class SandboxEnds {
  private readonly waiting = new Map<string, Set<() => void>>();

  tell(namespace: string, id: string): void {
    for (const wake of this.waiting.get(keyOf(namespace, id)) ?? []) wake();
  }

  /** Resolves when the end is told; rejects when the caller goes away. */
  async next(ctx: CallContext, id: string): Promise<void> {
    const key = keyOf(ctx.namespace, id);
    const ended = Promise.withResolvers<void>();
    const left = (): void => ended.reject(asGantryError(ctx.signal.reason));
    const waiting = this.waiting.get(key) ?? new Set();
    this.waiting.set(key, waiting.add(ended.resolve));
    ctx.signal.addEventListener('abort', left, { once: true });
    try {
      await ended.promise;
    } finally {
      ctx.signal.removeEventListener('abort', left);
      waiting.delete(ended.resolve);
      if (waiting.size === 0) this.waiting.delete(key);
    }
  }
}

const keyOf = (namespace: string, id: string): string => `${namespace}/${id}`;
