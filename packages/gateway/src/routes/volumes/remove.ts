import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const volumeDelete: Route = {
  method: 'DELETE',
  path: '/volumes/{name:.*}',
  operation: 'VolumeDelete',
  async handle(x, engine) {
    await engine.volumes.removeVolume(detached(x.ctx), { name: x.params['name'] ?? '', force: x.query.flag('force') });
    sendEmpty(x, 204);
  },
};
