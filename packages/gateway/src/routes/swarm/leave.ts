import { unavailable } from '@gantry/rpc';
import type { Route } from '../../http/exchange';

/** POST /swarm/leave: an engine without swarm mode is never part of one, and says so as dockerd does. Test suites call it between their cases. */
export const swarmLeave: Route = {
  method: 'POST',
  path: '/swarm/leave',
  operation: 'SwarmLeave',
  offline: true,
  handle: async () => {
    throw unavailable('This node is not part of a swarm');
  },
};
