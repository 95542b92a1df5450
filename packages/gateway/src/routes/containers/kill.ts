import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerKill: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/kill',
  operation: 'ContainerKill',
  async handle(x, engine) {
    await engine.containers.kill(detached(x.ctx), { id: x.params['name'] ?? '', signal: x.query.text('signal') });
    sendEmpty(x, 204);
  },
};
