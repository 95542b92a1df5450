import * as wire from '@gantry/api/gantry/network/v1/network';
import { namesOf } from '../dns/names';
import type { DriverTraits } from '../drivers/driver';
import { DEFAULT_IPAM, familyOf, poolsOfNetwork } from '../ipam/ipam';
import { poolStatus } from '../ipam/pool-status';
import { driverOf, hasEmbeddedDns, type Drivers } from '../operations/parts';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../store/record';

const namespaces = {
  connected: wire.SandboxNamespace.SANDBOX_NAMESPACE_CONNECTED,
  isolated: wire.SandboxNamespace.SANDBOX_NAMESPACE_ISOLATED,
  host: wire.SandboxNamespace.SANDBOX_NAMESPACE_HOST,
} as const satisfies Record<DriverTraits['namespace'], wire.SandboxNamespace>;

/** Records as the messages of gantry.network.v1. */
export function networkMessage(
  parts: Drivers,
  network: NetworkRecord,
  endpoints: readonly EndpointRecord[],
  { status }: { readonly status: boolean } = { status: false },
): wire.Network {
  const told = status && (network.ipamDriver ?? DEFAULT_IPAM) === DEFAULT_IPAM;
  return {
    id: network.id,
    name: network.name,
    driver: network.driver,
    scope: driverOf(parts, network).traits.scope ?? 'local',
    internal: network.internal,
    attachable: network.attachable,
    ingress: false,
    enableIpv4: network.enableIpv4 ?? true,
    enableIpv6: network.enableIpv6 ?? false,
    options: { ...network.options },
    labels: { ...network.labels },
    ipamDriver: network.ipamDriver ?? 'default',
    ipamOptions: { ...network.ipamOptions },
    ipamOptionsGiven: network.ipamOptionsGiven ?? false,
    pools: shownPools(network).map((pool) => poolMessage(pool, told ? poolStatus(pool, endpoints) : undefined)),
    created: network.created,
    endpoints: endpoints.map((endpoint) => endpointMessage(parts, network, endpoint)),
    predefined: network.predefined,
    // what cannot be connected to is refused there, whatever the sandbox has besides
    sandboxNamespace: namespaces[network.configOnly === true ? 'connected' : driverOf(parts, network).traits.namespace],
    configOnly: network.configOnly ?? false,
    configFrom: network.configFrom ?? '',
    peers: (driverOf(parts, network).peers?.(network) ?? []).map((peer) => ({ ...peer })),
  };
}

export function endpointMessage(parts: Drivers, network: NetworkRecord, endpoint: EndpointRecord): wire.Endpoint {
  return {
    id: endpoint.id,
    networkId: network.id,
    networkName: network.name,
    networkDriver: network.driver,
    sandboxId: endpoint.sandboxId,
    name: endpoint.name,
    interface: endpoint.interface,
    macAddress: endpoint.mac,
    ipAddress: endpoint.address,
    ipPrefixLen: endpoint.prefix,
    gateway: endpoint.gateway,
    ipv6Address: endpoint.ipv6?.address ?? '',
    ipv6PrefixLen: endpoint.ipv6?.prefix ?? 0,
    ipv6Gateway: endpoint.ipv6?.gateway ?? '',
    aliases: [...endpoint.aliases],
    dnsNames: hasEmbeddedDns(parts, network) ? namesOf(endpoint) : [],
    ports: endpoint.ports.map((port) => ({ ...port })),
    defaultRoute: endpoint.defaultRoute,
  };
}

/** In docker's order: what was asked for, then what was chosen, of each family. */
function shownPools(network: NetworkRecord): PoolRecord[] {
  const all = [...poolsOfNetwork(network), ...(network.idlePools ?? [])];
  const rank = (pool: PoolRecord): number => (pool.configured ? 0 : 2) + (familyOf(pool) === 4 ? 0 : 1);
  return all.toSorted((a, b) => rank(a) - rank(b));
}

const poolMessage = (
  { subnet, gateway, gatewayChosen = false, ipRange, auxAddresses, configured }: PoolRecord,
  status: wire.PoolStatus | undefined,
): wire.IpamPool => ({
  subnet,
  gateway: gatewayChosen ? '' : gateway,
  ipRange,
  auxAddresses: { ...auxAddresses },
  configured,
  status,
});
