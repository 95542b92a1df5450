import { messageCodec } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { filterKeys, readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const networkList: Route = {
  method: 'GET',
  path: '/networks',
  operation: 'NetworkList',
  async handle(x, engine) {
    const { networks } = await engine.networks.listNetworks(x.ctx, { filters: readFilters(x.query, filterKeys.networks) });
    sendJson(
      x,
      200,
      networks.map((each) => messageCodec('Network').write({ ...each, Containers: {} }, x.version)),
    );
  },
};
