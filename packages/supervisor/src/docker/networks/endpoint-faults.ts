import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { IpamPool, Network } from '@gantry/api/gantry/network/v1/network';

const SYSCTLS = 'com.docker.network.endpoint.sysctls';

/** What is wrong with an endpoint's settings, in dockerd's words. The network may come later: undefined leaves out what only it can tell. */
export function endpointFaults(settings: EndpointSettings, predefined: boolean, network: Network | undefined): string[] {
  const { IPv4Address: ipv4 = '', IPv6Address: ipv6 = '', LinkLocalIPs: local = [] } = settings.IPAMConfig ?? {};
  const pools = network?.pools ?? [];
  return [
    ...(predefined && ipv4 + ipv6 !== '' ? ['user specified IP address is supported on user defined networks only'] : []),
    ...(predefined && settings.Aliases.length > 0
      ? ['network-scoped alias is supported only for containers in user defined networks']
      : []),
    ...(ipv4 === '' || isHostIPv4(ipv4) ? [] : [`invalid IPv4 address: ${ipv4}`]),
    ...(ipv6 === '' || isHostIPv6(ipv6) ? [] : [`invalid IPv6 address: ${ipv6}`]),
    ...local
      .filter((address) => !isHostIPv4(address) && !isHostIPv6(address))
      .map((address) => `invalid link-local IP address: ${address}`),
    ...(settings.DriverOpts[SYSCTLS] ?? '')
      .split(',')
      .filter((text) => text !== '' && !/^[^.]*\.(ipv4|ipv6|mpls)\.[^.]*\.(IFNAME|ifname)\./.test(text))
      .map(
        (text) =>
          `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      ),
    ...(network === undefined ? [] : [...rangeFaults(ipv4, poolsOf(pools, 'ipv4')), ...rangeFaults(ipv6, poolsOf(pools, 'ipv6'))]),
  ];
}

/** An IPv4 address that a container can have. */
const isHostIPv4 = (address: string): boolean => isIPv4(address) && address !== '0.0.0.0';

/** An IPv6 address that a container can have: neither `::` nor an IPv4 address in the clothes of IPv6. */
function isHostIPv6(address: string): boolean {
  if (!isIPv6(address)) return false;
  const { address: canonical } = new SocketAddress({ family: 'ipv6', address });
  return canonical !== '::' && !canonical.startsWith('::ffff:');
}

/** One fault as it is, several as a list. */
export const listed = (faults: readonly string[]): string =>
  faults.length === 1 ? faults.join('') : faults.map((fault) => `* ${fault.replaceAll('\n', '\n\t')}`).join('\n');

type Family = 'ipv4' | 'ipv6';

interface Range {
  readonly address: string;
  readonly prefix: number;
  readonly family: Family;
}

/** Where addresses may be asked for: in the subnets that somebody named, whatever range others are chosen from. */
function poolsOf(pools: readonly IpamPool[], family: Family): Range[] {
  return pools
    .filter(({ configured, subnet }) => configured && subnet.includes(':') === (family === 'ipv6'))
    .map(({ subnet }) => subnet.split('/'))
    .map(([address = '', prefix]) => ({ address, prefix: Number(prefix), family }));
}

function rangeFaults(address: string, ranges: readonly Range[]): string[] {
  if (address === '') return [];
  if (ranges.length === 0) return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
  const block = new BlockList();
  for (const range of ranges) block.addSubnet(range.address, range.prefix, range.family);
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const inside = (isIPv4(address) || isIPv6(address)) && block.check(address, family);
  return inside ? [] : [`no configured subnet or ip-range contain the IP address ${address}`];
}
