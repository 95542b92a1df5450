import type { Route } from '../../http/exchange';
import { parsePlatformJson } from '../../http/platform';
import { registryAuth } from '../../http/registry-auth';
import { checkTag } from '../../http/tag';
import { sendProgress } from '../../streams/progress';

export const imagePush: Route = {
  method: 'POST',
  path: '/images/{name:.*}/push',
  operation: 'ImagePush',
  async handle(x, engine) {
    const name = x.params['name'] ?? '';
    const tag = checkTag(x.query.text('tag'));
    const platform = x.query.text('platform') !== '' ? parsePlatformJson(x.query.text('platform')) : undefined;
    const tagged = name.lastIndexOf(':') > name.lastIndexOf('/');
    const call = engine.images.pushImage(x.ctx, {
      push: { ref: tag === '' ? name : `${name}:${tag}`, allTags: tag === '' && !tagged, auth: registryAuth(x), platform },
    });
    x.request.resume(); // old clients put the credentials into the body as well
    await sendProgress(x, call);
  },
};
