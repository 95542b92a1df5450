import { notImplemented } from '@gantry/rpc';
import type { Route } from '../../http/exchange';

/** Operations of the API that the engine has nothing behind: each answers 501 and names itself. The last ones are not in the documentation. */
const operations: readonly (readonly [method: Route['method'], path: string, operation: string])[] = [
  ['GET', '/containers/{name:.*}/checkpoints', 'CheckpointList'],
  ['POST', '/containers/{name:.*}/checkpoints', 'CheckpointCreate'],
  ['DELETE', '/containers/{name}/checkpoints/{checkpoint}', 'CheckpointDelete'],
];

export const notImplementedRoutes: readonly Route[] = operations.map(([method, path, operation]) => ({
  method,
  path,
  operation,
  offline: true,
  handle: async () => {
    throw notImplemented(`${operation} is not implemented by gantry`);
  },
}));
