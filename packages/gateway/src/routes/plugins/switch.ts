import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const pluginEnable: Route = {
  method: 'POST',
  path: '/plugins/{name:.*}/enable',
  operation: 'PluginEnable',
  async handle(x, engine) {
    await engine.plugins.enablePlugin(detached(x.ctx), { name: x.params['name'] ?? '', timeout: x.query.int32('timeout') ?? 0 });
    sendEmpty(x, 200);
  },
};

export const pluginDisable: Route = {
  method: 'POST',
  path: '/plugins/{name:.*}/disable',
  operation: 'PluginDisable',
  async handle(x, engine) {
    await engine.plugins.disablePlugin(detached(x.ctx), { name: x.params['name'] ?? '', force: x.query.flag('force') });
    sendEmpty(x, 200);
  },
};
