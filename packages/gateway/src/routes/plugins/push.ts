import type { Route } from '../../http/exchange';
import { registryAuth } from '../../http/registry-auth';
import { sendProgress } from '../../streams/progress';

export const pluginPush: Route = {
  method: 'POST',
  path: '/plugins/{name:.*}/push',
  operation: 'PluginPush',
  async handle(x, engine) {
    x.request.resume(); // clients may put the credentials into the body as well
    await sendProgress(x, engine.plugins.pushPlugin(x.ctx, { name: x.params['name'] ?? '', auth: registryAuth(x) }));
  },
};
