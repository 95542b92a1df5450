import { exactNumber } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const containerPrune: Route = {
  method: 'POST',
  path: '/containers/prune',
  operation: 'ContainerPrune',
  async handle(x, engine) {
    const { ids, spaceReclaimed } = await engine.containers.prune(detached(x.ctx), {
      filters: readFilters(x.query),
    });
    sendJson(x, 200, { ContainersDeleted: ids.length === 0 ? null : ids, SpaceReclaimed: exactNumber(spaceReclaimed) });
  },
};
