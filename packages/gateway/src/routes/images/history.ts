import { messageCodec } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { parsePlatformJson } from '../../http/platform';
import type { Route } from '../../http/exchange';

export const imageHistory: Route = {
  method: 'GET',
  path: '/images/{name:.*}/history',
  operation: 'ImageHistory',
  async handle(x, engine) {
    const platform = x.query.text('platform') !== '' ? parsePlatformJson(x.query.text('platform')) : undefined;
    const { items } = await engine.images.imageHistory(x.ctx, { name: x.params['name'] ?? '', platform });
    sendJson(
      x,
      200,
      items.map((item) => messageCodec('ImageHistoryResponseItem').write(item, x.version)),
    );
  },
};
