import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerStop: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/stop',
  operation: 'ContainerStop',
  async handle(x, engine) {
    const timeout = x.query.int32('t');
    await engine.containers.stop(detached(x.ctx), { id: x.params['name'] ?? '', signal: x.query.text('signal'), timeout });
    sendEmpty(x, 204);
  },
};
