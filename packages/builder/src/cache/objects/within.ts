import { after, type CallContext, deadlineExceeded, derive } from '@gantry/rpc';
import type { ObjectPlace } from './objects';

/** The same place, where no operation takes longer. */
export function within(ms: number, place: ObjectPlace): ObjectPlace {
  const run = async <T>(ctx: CallContext, use: (own: CallContext) => Promise<T>): Promise<T> => {
    const limit = new Limit(ctx, ms);
    try {
      return await use(limit.ctx);
    } catch (error) {
      throw limit.reason(error);
    } finally {
      limit.end();
    }
  };
  return {
    ...place,
    has: (ctx, layer) => run(ctx, (own) => place.has(own, layer)),
    put: (ctx, layer, body) => run(ctx, (own) => place.put(own, layer, body)),
    save: (ctx, document) => run(ctx, (own) => place.save(own, document)),
    load: (ctx) => run(ctx, (own) => place.load(own)),
    async *get(ctx, layer, offset) {
      const limit = new Limit(ctx, ms);
      try {
        yield* place.get(limit.ctx, layer, offset);
      } catch (error) {
        throw limit.reason(error);
      } finally {
        limit.end();
      }
    },
  };
}

class Limit {
  readonly ctx: CallContext;
  private readonly over = new AbortController();
  private readonly timer;

  constructor(ctx: CallContext, ms: number) {
    this.timer = after(ms, () => this.over.abort(deadlineExceeded(`the cache did not answer within ${ms / 1000} s`)), { ref: false });
    this.ctx = derive(ctx, { signal: AbortSignal.any([ctx.signal, this.over.signal]) });
  }

  /** Why an operation ended. */
  reason(error: unknown): unknown {
    return this.over.signal.aborted ? this.over.signal.reason : error;
  }

  end(): void {
    this.timer.cancel();
  }
}
