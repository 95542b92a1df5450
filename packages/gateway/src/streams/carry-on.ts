import { isErrorOf, pause } from '@gantry/rpc';
import type { EngineClients } from '../engine/engine';
import type { Exchange } from '../http/exchange';

/** Pause before asking a restarted engine again, milliseconds: the broken connection must be noticed first. */
const RETRY_MS = 50;

/**
 * A stream of the engine's that goes on with its client when the supervisor restarts: `ask` is called again, for what comes behind all that was
 * answered. An engine that goes away before the first message is an error: nothing is known of where to go on.
 */
export async function* carryOn<T>(
  x: Pick<Exchange, 'ctx'>,
  engine: Pick<EngineClients, 'ready'>,
  ask: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  for (let begun = false; ;) {
    try {
      for await (const message of ask()) {
        begun = true;
        yield message;
      }
      return;
    } catch (error) {
      // a server that is cut cancels its calls; a cancelled call of ours would have ended our context
      if (!begun || x.ctx.signal.aborted || !isErrorOf(error, 'unavailable', 'cancelled')) throw error;
      x.ctx.logger?.info({ err: error }, 'the engine went away under a stream: it goes on when it is back');
    }
    await pause(RETRY_MS, { signal: x.ctx.signal });
    await engine.ready();
  }
}
