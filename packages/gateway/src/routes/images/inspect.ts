import { writeImageInspect } from '@gantry/docker-api';
import { internal, invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { parsePlatformJson } from '../../http/platform';
import type { Route } from '../../http/exchange';

export const imageInspect: Route = {
  method: 'GET',
  path: '/images/{name:.*}/json',
  operation: 'ImageInspect',
  async handle(x, engine) {
    const name = x.params['name'] ?? '';
    const platform = x.query.text('platform') !== '' ? parsePlatformJson(x.query.text('platform')) : undefined;
    const manifests = x.query.flag('manifests');
    if (manifests && platform !== undefined)
      throw invalidArgument('conflicting options: manifests and platform options cannot both be set');
    const { image } = await engine.images.inspectImage(x.ctx, { name, platform, manifests });
    if (image === undefined) throw internal(`the engine answered no image for ${name}`);
    sendJson(x, 200, writeImageInspect(image, x.version));
  },
};
