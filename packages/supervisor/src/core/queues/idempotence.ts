import type { CallContext } from '@gantry/rpc';

/** How many finished operations are remembered, and for how long (ms). */
const KEPT = 1024;
const KEPT_MS = 10 * 60_000;

/**
 * Answers a repeated operation id with the result of the first call, which may still be under way. Failures are not kept: a caller
 * that repeats after one means to try again. What is done and to whom is part of the key: one id for several containers is several operations.
 */
export class Idempotence {
  private readonly results = new Map<string, { result: Promise<unknown>; at: number }>();

  async once<T>(ctx: CallContext, what: string, operation: () => Promise<T>): Promise<T> {
    if (ctx.operationId === '') return operation();
    const key = `${what} ${ctx.operationId}`;
    const known = this.results.get(key);
    if (known !== undefined && Date.now() - known.at < KEPT_MS) return known.result as Promise<T>;
    const result = operation();
    this.results.set(key, { result, at: Date.now() });
    result.catch(() => this.results.delete(key));
    if (this.results.size > KEPT) this.results.delete(this.results.keys().next().value as string);
    return result;
  }
}
