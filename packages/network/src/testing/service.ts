import { join } from 'node:path';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import type { ConnectRequest, CreateNetworkRequest } from '@gantry/api/gantry/network/v1/network';
import { connect, newContext, type Connection, type ServiceClient } from '@gantry/rpc';
import { commonDefaults, startService, type HostedService } from '@gantry/service';
import type { NetworkConfig } from '../config';
import { networkDefaults } from '../config';
import { networkService } from '../spec';

/** The service as it runs in production, over its socket, in a directory of its own. */
export interface TestService {
  readonly client: ServiceClient<NetworkServiceService>;
  readonly config: typeof commonDefaults & NetworkConfig;
  stop(): Promise<void>;
}

export async function startTestService(directory: string, change: Partial<NetworkConfig> = {}): Promise<TestService> {
  const config = {
    ...commonDefaults,
    ...networkDefaults,
    'log-level': 'error' as const,
    'metrics-address': 'off',
    root: join(directory, 'data'),
    run: join(directory, 'run'),
    ...change,
  };
  const service: HostedService = await startService(networkService, config);
  const connection: Connection = connect(join(config.run, 'network.sock'));
  return {
    client: connection.client(NetworkServiceService),
    config,
    stop: async () => {
      connection.close();
      await service.stop();
    },
  };
}

export const context = newContext;

export function connectRequest(change: Partial<ConnectRequest>): ConnectRequest {
  return {
    networkRef: 'bridge',
    sandboxId: '',
    netnsPath: '',
    containerName: 'web',
    hostname: '',
    domainname: '',
    aliases: [],
    ipAddress: '',
    ipv6Address: '',
    linkLocalIps: [],
    macAddress: '',
    driverOptions: {},
    ports: [],
    dnsServers: [],
    gatewayPriority: 0n,
    owner: '',
    links: {},
    ...change,
  };
}

export function createRequest(change: Partial<CreateNetworkRequest>): CreateNetworkRequest {
  return {
    name: '',
    driver: '',
    internal: false,
    attachable: false,
    ingress: false,
    options: {},
    labels: {},
    ipamDriver: '',
    ipamOptions: {},
    ipamOptionsGiven: false,
    pools: [],
    scope: '',
    configOnly: false,
    configFrom: '',
    ...change,
  };
}
