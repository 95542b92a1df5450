import { isErrorOf, pause } from '@gantry/rpc';
import type { EngineClients } from '../engine/engine';
import type { Exchange, Route } from './exchange';

/** Pauses before a reading request is tried again, ms. */
const PAUSES = [20, 200];

/**
 * Answers a request. One that only reads is tried again when a service died under it before a byte was answered: what it asks for is known again
 * as soon as the service is back. What changes something is not: nobody knows how far it came.
 */
export async function answer(route: Route, x: Exchange, engine: EngineClients): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      if (route.offline !== true) await engine.ready();
      if (route.verb !== undefined && x.ctx.apiSocket !== undefined) await engine.system.authorize(x.ctx, { verb: route.verb });
      return await route.handle(x, engine);
    } catch (error) {
      const wait = PAUSES[tries];
      const reads = (route.method === 'GET' || route.method === 'HEAD') && route.hijacks !== true;
      if (wait === undefined || !reads || !isErrorOf(error, 'unavailable') || x.response.headersSent || x.ctx.signal.aborted) throw error;
      await pause(wait);
    }
  }
}
