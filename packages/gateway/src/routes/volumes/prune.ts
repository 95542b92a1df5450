import { exactNumber } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const volumePrune: Route = {
  method: 'POST',
  path: '/volumes/prune',
  operation: 'VolumePrune',
  async handle(x, engine) {
    const filters = readFilters(x.query);
    // before 1.42 named volumes were pruned too
    if (!x.version.atLeast('1.42')) filters['all'] = { values: ['true'] };
    const { names, spaceReclaimed } = await engine.volumes.pruneVolumes(detached(x.ctx), { filters });
    sendJson(x, 200, { VolumesDeleted: names, SpaceReclaimed: exactNumber(spaceReclaimed) });
  },
};
