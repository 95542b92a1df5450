import { newContext } from '@gantry/rpc';
import type { BuilderConfig } from '../config';
import type { Services } from './services';

/** Another containerd has no network service beside it, unless one is named. */
export const withoutNetworkService = (config: Pick<BuilderConfig, 'containerd-address' | 'network-address'>): boolean =>
  config['containerd-address'] !== '' && config['network-address'] === '';

/** What `host-gateway` stands for among a build's extra hosts: the configured addresses, else the default bridge's. */
export async function hostGateway(
  config: Pick<BuilderConfig, 'host-gateway-ip' | 'containerd-address' | 'network-address'>,
  { network }: Pick<Services, 'network'>,
): Promise<readonly string[]> {
  if (config['host-gateway-ip'].length > 0) return config['host-gateway-ip'];
  if (withoutNetworkService(config)) return [];
  return (await network.getStatus(newContext(), {}, { timeoutMs: 5000 })).hostGatewayIps;
}
