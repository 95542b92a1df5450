import { list, text } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

const words = list(text);

export const pluginSet: Route = {
  method: 'POST',
  path: '/plugins/{name:.*}/set',
  operation: 'PluginSet',
  async handle(x, engine) {
    const settings = (await readJson(x, words)) ?? [];
    await engine.plugins.setPlugin(detached(x.ctx), { name: x.params['name'] ?? '', settings });
    sendEmpty(x, 204);
  },
};
