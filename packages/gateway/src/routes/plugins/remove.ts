import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const pluginDelete: Route = {
  method: 'DELETE',
  path: '/plugins/{name:.*}',
  operation: 'PluginDelete',
  async handle(x, engine) {
    await engine.plugins.removePlugin(detached(x.ctx), { name: x.params['name'] ?? '', force: x.query.flag('force') });
    sendEmpty(x, 200);
  },
};
