import { sendJsonText } from '../../http/answer';
import type { Route } from '../../http/exchange';
import { readFilters } from '../../http/filters';

export const pluginList: Route = {
  method: 'GET',
  path: '/plugins',
  operation: 'PluginList',
  async handle(x, engine) {
    const { plugins } = await engine.plugins.listPlugins(x.ctx, { filters: readFilters(x.query) });
    sendJsonText(x, 200, `[${plugins.join(',')}]`);
  },
};
