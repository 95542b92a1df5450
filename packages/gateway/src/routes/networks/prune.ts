import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const networkPrune: Route = {
  method: 'POST',
  path: '/networks/prune',
  operation: 'NetworkPrune',
  async handle(x, engine) {
    const { names } = await engine.networks.pruneNetworks(detached(x.ctx), { filters: readFilters(x.query) });
    sendJson(x, 200, { NetworksDeleted: names.length === 0 ? null : names });
  },
};
