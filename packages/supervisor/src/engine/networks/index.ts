export { containerNetworks } from './live';
export { type ContainerNetworks, type NetworksNeeds, networksHandlers } from './service';
