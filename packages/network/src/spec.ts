import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import type { NetworkConfig } from './config';
import { checkNetworkConfig, networkDefaults, networkFlags, version } from './config';

/** The service as its binary and the launcher know it. */
export const networkService: ServiceSpec<NetworkConfig> = {
  name: 'network',
  binary: 'gantry-network',
  version,
  summary: 'networks, endpoints, published ports and names of containers (with --purge: remove this instance from the kernel and exit)',
  defaults: networkDefaults,
  flags: networkFlags,
  check: checkNetworkConfig,
  compose,
};
