import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

/** There is no build cache, so there is nothing to prune: `docker system prune` asks for it after everything else. */
export const buildPrune: Route = {
  method: 'POST',
  path: '/build/prune',
  operation: 'BuildPrune',
  offline: true,
  async handle(x) {
    sendJson(x, 200, { CachesDeleted: null, SpaceReclaimed: 0 });
  },
};
