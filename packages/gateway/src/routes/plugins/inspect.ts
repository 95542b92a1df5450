import { sendJsonText } from '../../http/answer';
import type { Route } from '../../http/exchange';

/** `docker inspect NAME` asks this after every other kind of object, and goes on only after a 404. */
export const pluginInspect: Route = {
  method: 'GET',
  path: '/plugins/{name:.*}/json',
  operation: 'PluginInspect',
  async handle(x, engine) {
    const { plugin } = await engine.plugins.inspectPlugin(x.ctx, { name: x.params['name'] ?? '' });
    sendJsonText(x, 200, plugin);
  },
};
