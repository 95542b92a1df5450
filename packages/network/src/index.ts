export { compose, purge } from './compose';
export type { NetworkConfig } from './config';
export { checkNetworkConfig, instanceNames, networkDefaults, networkFlags } from './config';
export type { EndpointPlan, EndpointWish, NetworkDriver, NetworkPlan, NetworkWish } from './drivers/driver';
export { networkService } from './spec';
