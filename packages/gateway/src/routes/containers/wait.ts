import type { WaitResponse } from '@gantry/api/gantry/engine/v1/containers';
import { exactNumber } from '@gantry/docker-api';
import { internal, invalidArgument } from '@gantry/rpc';
import type { EngineClients } from '../../engine/engine';
import type { Exchange, Route } from '../../http/exchange';
import { carryOn } from '../../streams/carry-on';

/** Longest wait for a client that does not take its output, milliseconds; dockerd's. */
const OUTPUT_MS = 2000;
const conditions = ['', 'not-running', 'next-exit', 'removed'];

export const containerWait: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/wait',
  operation: 'ContainerWait',
  repeatable: true,
  async handle(x, engine) {
    const condition = x.query.text('condition');
    if (!conditions.includes(condition)) throw invalidArgument(`invalid condition: ${JSON.stringify(condition)}`);
    const { statusCode, error, containerId } = await exitOf(x, engine, condition);
    await engine.outputs.written(containerId, OUTPUT_MS);
    // before 1.34 a removal that failed was told by an answer without a body
    const mute = condition === 'removed' && error !== '' && !x.version.atLeast('1.34');
    if (mute) x.response.end();
    else
      x.response.end(
        `${JSON.stringify({ ...(error === '' ? {} : { Error: { Message: error } }), StatusCode: exactNumber(statusCode) })}\n`,
      );
  },
};

/** Waits; when the supervisor restarts meanwhile, waits on, for the container did not end with it. */
async function exitOf(x: Exchange, engine: EngineClients, condition: string): Promise<WaitResponse> {
  const id = x.params['name'] ?? '';
  const registered = new Registered(x);
  async function* ask(): AsyncGenerator<WaitResponse> {
    const now = registered.told ? await conditionAfterRestart(x, engine, id, condition) : condition;
    yield* engine.containers.wait(x.ctx, { id, condition: now });
  }
  for await (const message of carryOn(x, engine, ask)) {
    if (!message.registered) return message;
    registered.tell();
  }
  throw internal(`waiting for ${id} ended without an exit code`);
}

/** The moment from which no exit is missed. From 1.30 on clients start the container only when they have seen the headers; before, an error came later, too. */
class Registered {
  told = false;

  constructor(private readonly x: Exchange) {}

  tell(): void {
    if (this.told) return;
    this.told = true;
    const { response, version } = this.x;
    response.setHeader('Content-Type', 'application/json');
    if (version.atLeast('1.30')) response.flushHeaders();
  }
}

/** The next exit may have happened while nobody waited: then it is the last one, unless the container never ran. */
async function conditionAfterRestart(x: Exchange, engine: EngineClients, id: string, condition: string): Promise<string> {
  if (condition !== 'next-exit') return condition;
  const { container } = await engine.containers.inspect(x.ctx, { id, size: false });
  return container?.State?.Status === 'created' ? condition : 'not-running';
}
