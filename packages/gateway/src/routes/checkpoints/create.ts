import { checkpointCreateBody } from '@gantry/docker-api';
import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';

export const checkpointCreate: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/checkpoints',
  operation: 'CheckpointCreate',
  experimental: true,
  async handle(x, engine) {
    const {
      CheckpointID: checkpoint,
      CheckpointDir: directory,
      Exit: exit,
    } = (await readJson(x, checkpointCreateBody)) ?? checkpointCreateBody.zero();
    await engine.containers.checkpointCreate(detached(x.ctx), { id: x.params['name'] ?? '', checkpoint, directory, exit });
    sendEmpty(x, 201);
  },
};
