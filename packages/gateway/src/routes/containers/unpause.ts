import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerUnpause: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/unpause',
  operation: 'ContainerUnpause',
  async handle(x, engine) {
    await engine.containers.unpause(detached(x.ctx), { id: x.params['name'] ?? '' });
    sendEmpty(x, 204);
  },
};
