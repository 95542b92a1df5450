import { detached } from '@gantry/rpc';
import { sendEmpty } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const checkpointDelete: Route = {
  method: 'DELETE',
  path: '/containers/{name}/checkpoints/{checkpoint}',
  operation: 'CheckpointDelete',
  experimental: true,
  async handle(x, engine) {
    const { name: id = '', checkpoint = '' } = x.params;
    await engine.containers.checkpointRemove(detached(x.ctx), { id, checkpoint, directory: x.query.text('dir') });
    sendEmpty(x, 204);
  },
};
