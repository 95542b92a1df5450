import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerDelete: Route = {
  method: 'DELETE',
  path: '/containers/{name:.*}',
  operation: 'ContainerDelete',
  async handle(x, engine) {
    const { query } = x;
    await engine.containers.remove(detached(x.ctx), {
      id: x.params['name'] ?? '',
      force: query.flag('force'),
      volumes: query.flag('v'),
      link: query.flag('link'),
    });
    sendEmpty(x, 204);
  },
};
