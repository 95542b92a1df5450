import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerPause: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/pause',
  operation: 'ContainerPause',
  async handle(x, engine) {
    await engine.containers.pause(detached(x.ctx), { id: x.params['name'] ?? '' });
    sendEmpty(x, 204);
  },
};
