import { type CallContext, errorText, forbidden, type Handlers, type Logger } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { mapHandlers } from '../../core/handlers';
import { decide, type ScopeNeeds } from './decide';
import type { Scope } from './scope';

export interface GuardNeeds extends ScopeNeeds {
  /** By the name of the socket. */
  readonly scopes: () => ReadonlyMap<string, Scope>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Counts decisions. */
  readonly decided: (socket: string, allowed: boolean) => void;
}

/** Handlers of a service that decide on calls over sockets with a scope, on the request as it was parsed, before anything is done. A socket that nobody gave a scope may nothing. */
export function guarded<D extends ServiceDefinition>(needs: GuardNeeds, service: string, handlers: Handlers<D>): Handlers<D> {
  return mapHandlers(handlers, (handler, method) => (ctx, request, ...rest) => {
    const call = ctx as CallContext;
    // What is asked leave for is decided on by its own verb.
    if (call.apiSocket === undefined || `${service}.${method}` === 'system.authorize') return handler(ctx, request, ...rest);
    return handler(ctx, judge(needs, call, `${service}.${method}`, request), ...rest);
  });
}

/** The request as it may be made; written down, whatever comes of it. Throws forbidden. */
export function judge(needs: GuardNeeds, ctx: CallContext, verb: string, request: unknown): unknown {
  const { apiSocket = '' } = ctx;
  const { id, containerId, name } = (request ?? {}) as { readonly id?: string; readonly containerId?: string; readonly name?: string };
  const audit = { audit: 'api', socket: apiSocket, verb, subject: id ?? containerId ?? name ?? '', operation: ctx.operationId };
  try {
    const scope = needs.scopes().get(apiSocket);
    if (scope === undefined) throw forbidden(`socket ${apiSocket}: ${verb} is refused: the socket has no scope`);
    const allowed = decide(needs, scope, { verb, request });
    needs.decided(apiSocket, true);
    needs.logger.info(audit, 'allowed');
    return allowed;
  } catch (error) {
    needs.decided(apiSocket, false);
    needs.logger.warn(audit, `refused: ${errorText(error)}`);
    throw error;
  }
}
