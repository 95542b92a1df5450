import type { CallContext } from '@gantry/rpc';

/** The answer, or the reason for which the caller is no longer there. */
export async function untilGone<T>(ctx: CallContext, answer: Promise<T>): Promise<T> {
  answer.catch(() => undefined); // it may fail after the caller has left
  ctx.signal.throwIfAborted();
  const gone = Promise.withResolvers<never>();
  const leave = (): void => gone.reject(ctx.signal.reason as Error);
  ctx.signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([answer, gone.promise]);
  } finally {
    ctx.signal.removeEventListener('abort', leave);
  }
}
