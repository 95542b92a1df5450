import type { Handlers } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';

export type AnyHandler = (ctx: { readonly namespace: string }, ...rest: unknown[]) => unknown;

/** Handlers that take a call without a namespace as one in `namespace` (the gantry.* services). */
export function defaultNamespace<D extends ServiceDefinition>(handlers: Handlers<D>, namespace: string): Handlers<D> {
  return mapHandlers(
    handlers,
    (handler) =>
      (ctx, ...rest) =>
        handler(ctx.namespace === '' ? { ...ctx, namespace } : ctx, ...rest),
  );
}

/** Every handler of a service, wrapped. */
export function mapHandlers<D extends ServiceDefinition>(
  handlers: Handlers<D>,
  wrap: (handler: AnyHandler, method: string) => AnyHandler,
): Handlers<D> {
  const names = new Set<string>();
  for (
    let level: object | null = handlers;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(level)) if (name !== 'constructor') names.add(name);
  }
  const all = handlers as unknown as Record<string, unknown>;
  const wrapped = [...names].flatMap((name) => {
    const handler = all[name];
    return typeof handler === 'function' ? [[name, wrap((handler as AnyHandler).bind(handlers), name)]] : [];
  });
  return Object.fromEntries(wrapped) as Handlers<D>;
}
