import { writeNetworkSummary } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const networkList: Route = {
  method: 'GET',
  path: '/networks',
  operation: 'NetworkList',
  async handle(x, engine) {
    // before 1.28 a list told as much as an inspection
    const containers = !x.version.atLeast('1.28');
    const { networks } = await engine.networks.listNetworks(x.ctx, { filters: readFilters(x.query), containers });
    sendJson(
      x,
      200,
      networks.map((each) => writeNetworkSummary(each, x.version)),
    );
  },
};

/** The same under the path that dockerd's oldest clients use. */
export const networkListSlash: Route = { ...networkList, path: '/networks/' };
