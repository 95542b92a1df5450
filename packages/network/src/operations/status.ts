import { IpamPool } from '@gantry/api/gantry/network/v1/network';
import { formatCidr } from '../address/cidr';
import type { AddressPool } from '../address/pools';
import type { Parts } from './parts';
import { DEFAULT_NETWORK } from './predefined';

export interface Status {
  readonly warnings: string[];
  readonly ipv4Forwarding: boolean;
  readonly bridgeNfIptables: boolean;
  readonly bridgeNfIp6tables: boolean;
  readonly defaultBridge: string;
  readonly hostGatewayIps: string[];
  readonly drivers: string[];
  readonly firewallBackend: string[];
  readonly defaultAddressPools: IpamPool[];
}

/** What `docker info` says of the network. */
export function readStatus(
  parts: Parts,
  about: { readonly warnings: readonly string[]; readonly pools: readonly AddressPool[]; readonly table: string },
): Status {
  const bridge = parts.store.networks().find((network) => network.predefined && network.name === DEFAULT_NETWORK);
  const isOn = (name: string): boolean => parts.kernel.readSysctl(name) === '1';
  return {
    warnings: [...about.warnings, ...(isOn('net/ipv4/ip_forward') ? [] : ['IPv4 forwarding is disabled'])].map(
      (text) => `WARNING: ${text}`,
    ),
    ipv4Forwarding: isOn('net/ipv4/ip_forward'),
    bridgeNfIptables: isOn('net/bridge/bridge-nf-call-iptables'),
    bridgeNfIp6tables: isOn('net/bridge/bridge-nf-call-ip6tables'),
    defaultBridge: bridge?.device ?? '',
    hostGatewayIps: [bridge?.pool?.gateway ?? '', bridge?.pool6?.gateway ?? ''].filter((address) => address !== ''),
    drivers: Object.keys(parts.drivers),
    firewallBackend: ['nftables', `table ip ${about.table}`],
    defaultAddressPools: about.pools.map(({ base, size }) => IpamPool.create({ subnet: formatCidr(base), ipRange: `/${size}` })),
  };
}
