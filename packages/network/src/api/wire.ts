import type * as wire from '@gantry/api/gantry/network/v1/network';
import { namesOf } from '../dns/names';
import { hasEmbeddedDns } from '../operations/parts';
import type { EndpointRecord, NetworkRecord } from '../store/record';

/** Records as the messages of gantry.network.v1. */
export function networkMessage(network: NetworkRecord, endpoints: readonly EndpointRecord[]): wire.Network {
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
    pools:
      pool === undefined
        ? []
        : [{ subnet: pool.subnet, gateway: pool.gateway, ipRange: pool.ipRange, auxAddresses: { ...pool.auxAddresses } }],
    created: network.created,
    endpoints: endpoints.map((endpoint) => endpointMessage(network, endpoint)),
    predefined: network.predefined,
  };
}

export function endpointMessage(network: NetworkRecord, endpoint: EndpointRecord): wire.Endpoint {
  return {
    id: endpoint.id,
    networkId: network.id,
    networkName: network.name,
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
    dnsNames: hasEmbeddedDns(network) ? namesOf(endpoint) : [],
    ports: endpoint.ports.map((port) => ({ ...port })),
  };
}
