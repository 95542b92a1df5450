import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { asGantryError, type CallContext } from '@gantry/rpc';
import type { FrontendResult } from '../frontend/frontend';
import { enabled, frontendApiCaps } from '../frontend/gateway/caps';
import { BridgeServer } from '../frontend/gateway/server';
import { llbCaps } from '../llb/caps';
import type { Job } from '../solver/jobs';
import type { ControlParts } from './needs';

/** A build without a frontend and without a definition: its client is the frontend, and asks LLBBridge on the same connection. */
export const isClientsOwn = (request: Pick<SolveRequest, 'Definition' | 'Frontend'>): boolean =>
  request.Definition === undefined && request.Frontend === '';

/** A client that builds by itself. */
export interface ClientFrontend {
  /** What it returned; rejects when it goes away. */
  result(): Promise<FrontendResult>;
  /** Names of the result's trees, by which the client may look into them until `close`. */
  refs(result: FrontendResult): string[];
  /** Calling it again does nothing. */
  close(): Promise<void>;
}

export function openClientFrontend(
  parts: Pick<ControlParts, 'forwarder' | 'containers' | 'workers'>,
  ctx: CallContext,
  job: Job,
  request: SolveRequest,
): ClientFrontend {
  const server = new BridgeServer({
    bridge: job.bridge,
    inputs: new Map(Object.entries(request.FrontendInputs)),
    pong: () => ({ FrontendAPICaps: [...frontendApiCaps], LLBCaps: enabled(llbCaps), Workers: [...parts.workers()] }),
  });
  const containers = parts.containers(job, server.ids);
  const unregister = parts.forwarder.register(request.Ref, { ...containers, ...server.rpcs() });
  const gone = Promise.withResolvers<never>();
  const leave = (): void => gone.reject(asGantryError(ctx.signal.reason));
  let open = true;
  return {
    async result() {
      ctx.signal.addEventListener('abort', leave, { once: true });
      try {
        ctx.signal.throwIfAborted();
        return await Promise.race([server.result, gone.promise]);
      } finally {
        ctx.signal.removeEventListener('abort', leave);
      }
    },
    refs: ({ outcomes }) => [...outcomes.values()].map((outcome) => server.ids.add(outcome).id),
    async close() {
      if (!open) return;
      open = false;
      unregister();
      await containers.close();
      server.discard();
    },
  };
}
