import type { WaitResponse } from '@gantry/api/gantry/engine/v1/containers';
import { exactNumber } from '@gantry/docker-api';
import { internal, invalidArgument, isErrorOf, pause } from '@gantry/rpc';
import type { Engine } from '../../engine/engine';
import type { Exchange, Route } from '../../http/exchange';

/** Pause before asking a restarted engine again, milliseconds: the broken connection must be noticed first. */
const RETRY_MS = 50;
const conditions = ['', 'not-running', 'next-exit', 'removed'];

export const containerWait: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/wait',
  operation: 'ContainerWait',
  async handle(x, engine) {
    const condition = x.query.text('condition');
    if (!conditions.includes(condition)) throw invalidArgument(`invalid condition: ${JSON.stringify(condition)}`);
    const { statusCode, error } = await exitOf(x, engine, condition);
    x.response.end(`${JSON.stringify({ ...(error === '' ? {} : { Error: { Message: error } }), StatusCode: exactNumber(statusCode) })}\n`);
  },
};

/** Waits; when the supervisor restarts meanwhile, waits on, for the container did not end with it. */
async function exitOf(x: Exchange, engine: Engine, condition: string): Promise<WaitResponse> {
  const id = x.params['name'] ?? '';
  for (let again = false; ; again = true) {
    try {
      return await oneWait(x, engine, id, again ? await conditionAfterRestart(x, engine, id, condition) : condition);
    } catch (error) {
      // a server that is cut cancels its calls; a cancelled call of ours would have ended our context
      if (!x.response.headersSent || x.ctx.signal.aborted || !isErrorOf(error, 'unavailable', 'cancelled')) throw error;
      x.ctx.logger?.info({ err: error }, 'the engine went away during a wait: waiting on');
      await pause(RETRY_MS);
      await engine.ready();
    }
  }
}

async function oneWait(x: Exchange, engine: Engine, id: string, condition: string): Promise<WaitResponse> {
  for await (const message of engine.containers.wait(x.ctx, { id, condition })) {
    if (!message.registered) return message;
    if (x.response.headersSent) continue;
    // the client starts the container only when it has seen the headers
    x.response.writeHead(200, { 'Content-Type': 'application/json' });
    x.response.flushHeaders();
  }
  throw internal(`waiting for ${id} ended without an exit code`);
}

/** The next exit may have happened while nobody waited: then it is the last one, unless the container never ran. */
async function conditionAfterRestart(x: Exchange, engine: Engine, id: string, condition: string): Promise<string> {
  if (condition !== 'next-exit') return condition;
  const { container } = await engine.containers.inspect(x.ctx, { id, size: false });
  return container?.State?.Status === 'created' ? condition : 'not-running';
}
