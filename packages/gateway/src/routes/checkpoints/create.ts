import { checkpointCreateBody } from '@gantry/docker-api';
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
    await engine.containers.checkpointCreate(x.ctx, { id: x.params['name'] ?? '', checkpoint, directory, exit });
    sendEmpty(x, 201);
  },
};
