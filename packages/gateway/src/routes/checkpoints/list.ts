import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const checkpointList: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/checkpoints',
  operation: 'CheckpointList',
  experimental: true,
  async handle(x, engine) {
    const request = { id: x.params['name'] ?? '', directory: x.query.text('dir') };
    const { checkpoints } = await engine.containers.checkpointList(x.ctx, request);
    sendJson(x, 200, checkpoints.length === 0 ? null : checkpoints.map((Name) => ({ Name }))); // as docker writes none
  },
};
