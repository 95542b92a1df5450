import { notImplemented, unavailable } from '@gantry/rpc';
import type { Route } from '../../http/exchange';

type Operation = readonly [method: Route['method'], path: string, operation: string];

/** What only a manager of a swarm can do. An engine without swarm mode is none, and says so in dockerd's words: clients tell by them that there is no swarm. */
const ofManagers: readonly Operation[] = [
  ['GET', '/nodes', 'NodeList'],
  ['GET', '/nodes/{id}', 'NodeInspect'],
  ['DELETE', '/nodes/{id}', 'NodeDelete'],
  ['POST', '/nodes/{id}/update', 'NodeUpdate'],
  ['GET', '/swarm', 'SwarmInspect'],
  ['POST', '/swarm/update', 'SwarmUpdate'],
  ['GET', '/swarm/unlockkey', 'SwarmUnlockkey'],
  ['POST', '/swarm/unlock', 'SwarmUnlock'],
  ['GET', '/services', 'ServiceList'],
  ['POST', '/services/create', 'ServiceCreate'],
  ['GET', '/services/{id}', 'ServiceInspect'],
  ['DELETE', '/services/{id}', 'ServiceDelete'],
  ['POST', '/services/{id}/update', 'ServiceUpdate'],
  ['GET', '/services/{id}/logs', 'ServiceLogs'],
  ['GET', '/tasks', 'TaskList'],
  ['GET', '/tasks/{id}', 'TaskInspect'],
  ['GET', '/tasks/{id}/logs', 'TaskLogs'],
  ['GET', '/secrets', 'SecretList'],
  ['POST', '/secrets/create', 'SecretCreate'],
  ['GET', '/secrets/{id}', 'SecretInspect'],
  ['DELETE', '/secrets/{id}', 'SecretDelete'],
  ['POST', '/secrets/{id}/update', 'SecretUpdate'],
  ['GET', '/configs', 'ConfigList'],
  ['POST', '/configs/create', 'ConfigCreate'],
  ['GET', '/configs/{id}', 'ConfigInspect'],
  ['DELETE', '/configs/{id}', 'ConfigDelete'],
  ['POST', '/configs/{id}/update', 'ConfigUpdate'],
];

const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

const failing = (operations: readonly Operation[], reason: (operation: string) => Error): Route[] =>
  operations.map(([method, path, operation]) => ({
    method,
    path,
    operation,
    offline: true,
    handle: async () => {
      throw reason(operation);
    },
  }));

/** /swarm, /nodes, /services, /tasks, /secrets, /configs and what else belongs to a swarm. */
export const swarmRoutes: readonly Route[] = [
  ...failing(ofManagers, () => unavailable(NO_MANAGER)),
  // test suites call it between their cases
  ...failing([['POST', '/swarm/leave', 'SwarmLeave']], () => unavailable('This node is not part of a swarm')),
  ...failing([['PUT', '/volumes/{name}', 'VolumeUpdate']], () =>
    unavailable('volume update only valid for cluster volumes, but swarm is unavailable'),
  ),
  ...failing(
    [
      ['POST', '/swarm/init', 'SwarmInit'],
      ['POST', '/swarm/join', 'SwarmJoin'],
    ],
    (operation) => notImplemented(`${operation} is not implemented by gantry`),
  ),
];
