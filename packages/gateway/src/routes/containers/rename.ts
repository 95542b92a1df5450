import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerRename: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/rename',
  operation: 'ContainerRename',
  async handle(x, engine) {
    await engine.containers.rename(detached(x.ctx), { id: x.params['name'] ?? '', name: x.query.text('name') });
    sendEmpty(x, 204);
  },
};
