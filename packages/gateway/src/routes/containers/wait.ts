import { internal, invalidArgument } from '@gantry/rpc';
import { exactNumber } from '../../json/codec';
import type { Route } from '../../http/exchange';

const conditions = ['', 'not-running', 'next-exit', 'removed'];

export const containerWait: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/wait',
  operation: 'ContainerWait',
  async handle(x, engine) {
    const condition = x.query.text('condition');
    if (!conditions.includes(condition)) throw invalidArgument(`invalid condition: ${JSON.stringify(condition)}`);
    for await (const message of engine.containers.wait(x.ctx, { id: x.params['name'] ?? '', condition })) {
      if (message.registered) {
        // the client starts the container only when it has seen the headers
        x.response.writeHead(200, { 'Content-Type': 'application/json' });
        x.response.flushHeaders();
        continue;
      }
      const error = message.error === '' ? {} : { Error: { Message: message.error } };
      x.response.end(`${JSON.stringify({ ...error, StatusCode: exactNumber(message.statusCode) })}\n`);
      return;
    }
    throw internal(`waiting for ${x.params['name'] ?? ''} ended without an exit code`);
  },
};
