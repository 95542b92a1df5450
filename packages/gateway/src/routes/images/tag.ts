import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';
import { checkTag } from '../../http/tag';

export const imageTag: Route = {
  method: 'POST',
  path: '/images/{name:.*}/tag',
  operation: 'ImageTag',
  async handle(x, engine) {
    await engine.images.tagImage(detached(x.ctx), {
      name: x.params['name'] ?? '',
      repository: x.query.text('repo'),
      tag: checkTag(x.query.text('tag')),
    });
    sendEmpty(x, 201);
  },
};
