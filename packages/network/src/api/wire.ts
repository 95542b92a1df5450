import * as wire from '@gantry/api/gantry/network/v1/network';
import { namesOf } from '../dns/names';
import type { DriverTraits } from '../drivers/driver';
import { driverOf, hasEmbeddedDns, type Parts } from '../operations/parts';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../store/record';

const namespaces = {
  connected: wire.SandboxNamespace.SANDBOX_NAMESPACE_CONNECTED,
  isolated: wire.SandboxNamespace.SANDBOX_NAMESPACE_ISOLATED,
  host: wire.SandboxNamespace.SANDBOX_NAMESPACE_HOST,
} as const satisfies Record<DriverTraits['namespace'], wire.SandboxNamespace>;

/** Records as the messages of gantry.network.v1. */
export function networkMessage(parts: Pick<Parts, 'drivers'>, network: NetworkRecord, endpoints: readonly EndpointRecord[]): wire.Network {
  const { pool } = network;
  return {
    id: network.id,
    name: network.name,
    driver: network.driver,
    scope: 'local',
    internal: network.internal,
    attachable: network.attachable,
    ingress: false,
    enableIpv4: true,
    enableIpv6: false,
    options: { ...network.options },
    labels: { ...network.labels },
    ipamDriver: 'default',
    ipamOptions: { ...network.ipamOptions },
    ipamOptionsGiven: network.ipamOptionsGiven ?? false,
    pools: pool === undefined ? [] : [poolMessage(pool)],
    created: network.created,
    endpoints: endpoints.map((endpoint) => endpointMessage(parts, network, endpoint)),
    predefined: network.predefined,
    sandboxNamespace: namespaces[driverOf(parts, network).traits.namespace],
  };
}

export function endpointMessage(parts: Pick<Parts, 'drivers'>, network: NetworkRecord, endpoint: EndpointRecord): wire.Endpoint {
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
    ipv6Address: '',
    ipv6PrefixLen: 0,
    ipv6Gateway: '',
    aliases: [...endpoint.aliases],
    dnsNames: hasEmbeddedDns(parts, network) ? namesOf(endpoint) : [],
    ports: endpoint.ports.map((port) => ({ ...port })),
    defaultRoute: endpoint.defaultRoute,
  };
}

const poolMessage = ({ subnet, gateway, gatewayChosen = false, ipRange, auxAddresses, configured }: PoolRecord): wire.IpamPool => ({
  subnet,
  gateway: gatewayChosen ? '' : gateway,
  ipRange,
  auxAddresses: { ...auxAddresses },
  configured,
});
