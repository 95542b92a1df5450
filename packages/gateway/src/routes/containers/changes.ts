import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';

export const containerChanges: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/changes',
  operation: 'ContainerChanges',
  async handle(x, engine) {
    const { changes } = await engine.containers.changes(x.ctx, { id: x.params['name'] ?? '' });
    sendJson(x, 200, changes.length === 0 ? null : changes.map((change) => ({ Path: change.Path, Kind: Number(change.Kind) })));
  },
};
