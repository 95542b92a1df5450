import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const networkDelete: Route = {
  method: 'DELETE',
  path: '/networks/{id:.*}',
  operation: 'NetworkDelete',
  async handle(x, engine) {
    await engine.networks.removeNetwork(detached(x.ctx), { id: x.params['id'] ?? '' });
    sendEmpty(x, 204);
  },
};
