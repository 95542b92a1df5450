import { messageCodec } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const networkInspect: Route = {
  method: 'GET',
  path: '/networks/{id:.*}',
  operation: 'NetworkInspect',
  async handle(x, engine) {
    const id = x.params['id'] ?? '';
    const { network: found } = await engine.networks.inspectNetwork(x.ctx, {
      id,
      verbose: x.query.flag('verbose'),
      scope: x.query.text('scope'),
    });
    if (found === undefined) throw internal(`the engine answered no network for ${id}`);
    sendJson(x, 200, messageCodec('Network').write(found, x.version));
  },
};
