import { messageCodec } from '@gantry/docker-api';
import { internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const volumeInspect: Route = {
  method: 'GET',
  path: '/volumes/{name:.*}',
  operation: 'VolumeInspect',
  async handle(x, engine) {
    const name = x.params['name'] ?? '';
    const { volume: found } = await engine.volumes.inspectVolume(x.ctx, { name });
    if (found === undefined) throw internal(`the engine answered no volume for ${name}`);
    sendJson(x, 200, messageCodec('Volume').write(found, x.version));
  },
};
