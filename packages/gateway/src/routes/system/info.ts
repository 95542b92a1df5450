import { writeInfo } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const systemInfo: Route = {
  method: 'GET',
  path: '/info',
  operation: 'SystemInfo',
  async handle(x, engine) {
    const { info } = await engine.system.getInfo(x.ctx, {});
    if (info === undefined) throw internal('the engine answered no info');
    if (info.Plugins !== undefined && x.authorization.length > 0) info.Plugins.Authorization = [...x.authorization];
    sendJson(x, 200, writeInfo(info, x.version));
  },
};
