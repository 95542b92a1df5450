import { exactNumber, messageCodec } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const imagePrune: Route = {
  method: 'POST',
  path: '/images/prune',
  operation: 'ImagePrune',
  async handle(x, engine) {
    const { items, spaceReclaimed } = await engine.images.pruneImages(detached(x.ctx), {
      filters: readFilters(x.query),
    });
    sendJson(x, 200, {
      ImagesDeleted: items.length === 0 ? null : items.map((item) => messageCodec('ImageDeleteResponseItem').write(item, x.version)),
      SpaceReclaimed: exactNumber(spaceReclaimed),
    });
  },
};
