export { type ContainerNetworks, type NetworksNeeds, networksHandlers } from './service';
