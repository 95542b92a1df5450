import { invalidArgument, notFound } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Exchange, Route } from '../../http/exchange';
import { readFilters } from '../../http/filters';

type Operation = readonly [method: Route['method'], path: string, operation: string];

/** There are no managed plugins, so none of a name is found: `docker inspect NAME` asks for one after every other kind of object, and goes on only after a 404. */
const ofOne: readonly Operation[] = [
  ['GET', '/plugins/{name:.*}/json', 'PluginInspect'],
  ['POST', '/plugins/{name:.*}/enable', 'PluginEnable'],
  ['POST', '/plugins/{name:.*}/disable', 'PluginDisable'],
  ['POST', '/plugins/{name:.*}/upgrade', 'PluginUpgrade'],
  ['POST', '/plugins/{name:.*}/push', 'PluginPush'],
  ['POST', '/plugins/{name:.*}/set', 'PluginSet'],
  ['DELETE', '/plugins/{name:.*}', 'PluginDelete'],
];

const list = async (x: Exchange): Promise<void> => {
  const enabled = readFilters(x.query, ['capability', 'enabled'])['enabled']?.values ?? [];
  if (enabled.some((value) => !/^(1|t|true|0|f|false)$/i.test(value)))
    throw invalidArgument(`invalid filter 'enabled=[${enabled.join(' ')}]'`);
  sendJson(x, 200, []);
};

export const pluginRoutes: readonly Route[] = [
  { method: 'GET', path: '/plugins', operation: 'PluginList', offline: true, handle: list },
  ...ofOne.map(([method, path, operation]): Route => ({
    method,
    path,
    operation,
    offline: true,
    handle: async (x) => {
      throw notFound(`plugin "${x.params['name'] ?? ''}" not found`);
    },
  })),
];
