import { messageCodec } from '@gantry/docker-api';
import { detached, invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { parsePlatformJson } from '../../http/platform';
import type { Route } from '../../http/exchange';

export const imageDelete: Route = {
  method: 'DELETE',
  path: '/images/{name:.*}',
  operation: 'ImageDelete',
  async handle(x, engine) {
    const { query } = x;
    const name = x.params['name'] ?? '';
    if (name.trim() === '') throw invalidArgument('image name cannot be blank');
    const platforms = query.all('platforms').map(parsePlatformJson);
    const { items } = await engine.images.removeImage(detached(x.ctx), {
      name,
      force: query.flag('force'),
      noPrune: query.flag('noprune'),
      platforms,
    });
    sendJson(
      x,
      200,
      items.map((item) => messageCodec('ImageDeleteResponseItem').write(item, x.version)),
    );
  },
};
