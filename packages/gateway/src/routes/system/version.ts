import { writeVersion } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const systemVersion: Route = {
  method: 'GET',
  path: '/version',
  operation: 'SystemVersion',
  async handle(x, engine) {
    const { version } = await engine.system.getVersion(x.ctx, {});
    if (version === undefined) throw internal('the engine answered no version');
    sendJson(x, 200, writeVersion(version, x.version, x.oldest));
  },
};
