import { messageCodec } from '@gantry/docker-api';
import { detached, internal } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

const createBody = messageCodec('VolumeCreateOptions');

export const volumeCreateRoute: Route = {
  method: 'POST',
  path: '/volumes/create',
  operation: 'VolumeCreate',
  async handle(x, engine) {
    const options = (await readJson(x, createBody)) ?? createBody.zero();
    const { volume } = await engine.volumes.createVolume(detached(x.ctx), { options });
    if (volume === undefined) throw internal(`the engine answered no volume for ${options.Name}`);
    sendJson(x, 201, messageCodec('Volume').write(volume, x.version));
  },
};
