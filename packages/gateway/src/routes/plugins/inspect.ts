import { notFound } from '@gantry/rpc';
import type { Route } from '../../http/exchange';

/** There are no plugins, so none is found: `docker inspect NAME` asks for one after every other kind of object and goes on only after a 404. */
export const pluginInspect: Route = {
  method: 'GET',
  path: '/plugins/{name:.*}/json',
  operation: 'PluginInspect',
  offline: true,
  handle: async (x) => {
    throw notFound(`plugin "${x.params['name'] ?? ''}" not found`);
  },
};
