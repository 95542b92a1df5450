import { writeContainerInspect } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerInspectRoute: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/json',
  operation: 'ContainerInspect',
  async handle(x, engine) {
    const { container } = await engine.containers.inspect(x.ctx, { id: x.params['name'] ?? '', size: x.query.flag('size') });
    if (container === undefined) throw internal(`the engine answered no container for ${x.params['name'] ?? ''}`);
    sendJson(x, 200, writeContainerInspect(container, x.version));
  },
};
