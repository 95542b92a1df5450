import type { Endpoint, Network as Stored } from '@gantry/api/gantry/network/v1/network';
import type { Network, NetworkContainer, SubnetStatus } from '@gantry/api/gantry/engine/v1/types';

/** docker's view of a network. Endpoints are listed by inspect only. */
export function dockerNetwork(network: Stored, options: { readonly containers: boolean }): Network {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope || 'local',
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: network.ipamDriver || 'default',
      Options: network.ipamOptions,
      Config: network.pools.map(({ subnet, gateway, ipRange, auxAddresses }) => ({
        Subnet: subnet,
        IPRange: ipRange,
        Gateway: gateway,
        AuxiliaryAddresses: auxAddresses,
      })),
      givenEmpty: network.ipamOptionsGiven ? ['Options'] : [],
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: options.containers
      ? Object.fromEntries(network.endpoints.map((endpoint) => [endpoint.sandboxId, networkContainer(endpoint)]))
      : {},
    Options: network.options,
    Labels: network.labels,
    Peers: network.peers.map(({ name, ip }) => ({ Name: name, IP: ip })),
    Status: options.containers ? { IPAM: { Subnets: subnetStatuses(network) } } : undefined,
  };
}

/** Of the pools whose addresses are handed out here. */
const subnetStatuses = ({ pools }: Stored): Record<string, SubnetStatus> =>
  Object.fromEntries(
    pools.flatMap(({ subnet, status }) =>
      status === undefined ? [] : [[subnet, { IPsInUse: status.inUse, DynamicIPsAvailable: status.available }]],
    ),
  );

function networkContainer(endpoint: Endpoint): NetworkContainer {
  return {
    Name: endpoint.name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.macAddress,
    IPv4Address: withPrefix(endpoint.ipAddress, endpoint.ipPrefixLen),
    IPv6Address: withPrefix(endpoint.ipv6Address, endpoint.ipv6PrefixLen),
  };
}

const withPrefix = (address: string, length: number): string => (address === '' ? '' : `${address}/${length}`);
