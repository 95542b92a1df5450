import { isErrorOf, pause } from '@gantry/rpc';
import type { EngineClients } from '../engine/engine';
import type { Exchange, Route } from './exchange';

/** Pauses before a request is tried again, ms. */
const PAUSES = [20, 200];

type Presence = Pick<EngineClients, 'ready'>;

/**
 * Asks the engine when it is ready, and again when a service died under the call while `unanswered`: for what may come twice. A server that is cut tells its
 * calls that they are cancelled; a cancelled call of ours would have ended our context. Rejects with the last error.
 */
export async function askAgain<T>(
  x: Pick<Exchange, 'ctx'>,
  engine: Presence,
  ask: () => Promise<T>,
  unanswered: () => boolean = () => true,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      await engine.ready();
      return await ask();
    } catch (error) {
      const wait = PAUSES[tries];
      if (wait === undefined || x.ctx.signal.aborted || !isErrorOf(error, 'unavailable', 'cancelled') || !unanswered()) throw error;
      await pause(wait);
    }
  }
}

const NO_MATTER: Presence = { ready: () => Promise.resolve() };

/**
 * Answers a request. One that only reads, or may come twice, is tried again when a service died under it before a byte was answered: what it asks for is known
 * again as soon as the service is back. What changes something is not: nobody knows how far it came.
 */
export async function answer(route: Route, x: Exchange, engine: EngineClients): Promise<void> {
  const presence = route.offline === true ? NO_MATTER : engine;
  const handle = async (): Promise<void> => {
    if (route.verb !== undefined && x.ctx.apiSocket !== undefined) await engine.system.authorize(x.ctx, { verb: route.verb });
    return route.handle(x, engine);
  };
  const reads = (route.method === 'GET' || route.method === 'HEAD') && route.hijacks !== true;
  if (reads || route.repeatable === true) return askAgain(x, presence, handle, () => !x.response.headersSent);
  await presence.ready();
  return handle();
}
