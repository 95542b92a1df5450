import { volume, volumeCreate } from '@gantry/docker-api';
import { detached, internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const volumeCreateRoute: Route = {
  method: 'POST',
  path: '/volumes/create',
  operation: 'VolumeCreate',
  async handle(x, engine) {
    const options = (await readJson(x, volumeCreate)) ?? volumeCreate.zero();
    const { volume: made } = await engine.volumes.createVolume(detached(x.ctx), { options });
    if (made === undefined) throw internal(`the engine answered no volume for ${options.Name}`);
    sendJson(x, 201, volume.write(made, x.version));
  },
};
