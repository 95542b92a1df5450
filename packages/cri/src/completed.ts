import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { type CallContext, derive, type Handlers, notImplemented } from '@gantry/rpc';

type Handler = (ctx: CallContext, ...rest: readonly unknown[]) => unknown;

/**
 * All handlers of a service, each in the namespace of Kubernetes' objects whatever its caller's metadata say. A call without a handler is answered by
 * Unimplemented that names it.
 */
export function completed<D extends ServiceDefinition>(definition: D, namespace: string, handlers: Partial<Handlers<D>>): Handlers<D> {
  const given = handlers as Readonly<Record<string, Handler | undefined>>;
  const entries = Object.keys(definition).map((name) => {
    const { path } = definition[name] as MethodDefinition<unknown, unknown>;
    const handler: Handler = given[name] ?? (() => Promise.reject(notImplemented(`${path.slice(1)} is not implemented`)));
    return [name, (ctx: CallContext, ...rest: readonly unknown[]) => handler(derive(ctx, { namespace }), ...rest)];
  });
  return Object.fromEntries(entries) as Handlers<D>;
}
