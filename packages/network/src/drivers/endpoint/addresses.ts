import { randomBytes } from 'node:crypto';
import { invalidArgument } from '@gantry/rpc';
import type { Address, Cidr, Family } from '../../address/cidr';
import { contains, formatMac, parseAddress, parseCidr, parseMac } from '../../address/cidr';
import type { Ipam, Lease } from '../../ipam/ipam';
import type { EndpointRecord, NetworkRecord } from '../../store/record';
import type { EndpointWish } from '../driver';

export type Addressed = Pick<EndpointRecord, 'address' | 'ipv6'>;

export const addressesOf = ({ address, ipv6 }: Addressed): string[] => [address, ipv6?.address ?? ''].filter((text) => text !== '');

/** An endpoint's addresses with the lengths of their subnets. */
export function blocksOf({ address, prefix, ipv6 }: Addressed & Pick<EndpointRecord, 'prefix'>): Cidr[] {
  return [{ address, prefix }, ...(ipv6 === undefined ? [] : [ipv6])].flatMap((block) => {
    const parsed = parseAddress(block.address);
    return parsed === undefined ? [] : [{ address: parsed, prefix: block.prefix }];
  });
}

/** The same, and those of the link that were asked for. */
export const allBlocksOf = (endpoint: EndpointRecord): Cidr[] => [
  ...blocksOf(endpoint),
  ...(endpoint.linkLocal ?? []).flatMap((text) => parseCidr(text) ?? []),
];

/** An address of each family that the network has, all or none. */
export async function lease(
  ipam: Ipam,
  network: NetworkRecord,
  wish: EndpointWish,
): Promise<readonly [ipv4: Lease | undefined, ipv6: Lease | undefined]> {
  const { macAddress: mac, order, sandboxId } = wish;
  const take = (family: Family, address: string): Promise<Lease> => ipam.take(network, { family, address, mac, order, sandboxId });
  const ipv4 = network.pool === undefined ? undefined : await take(4, wish.ipAddress);
  try {
    return [ipv4, network.pool6 === undefined || !wish.takesIpv6 ? undefined : await take(6, wish.ipv6Address)];
  } catch (error) {
    if (ipv4 !== undefined) ipam.release(network, ipv4);
    throw error;
  }
}

export function giveBack(ipam: Ipam, network: NetworkRecord, endpoint: Addressed & Partial<Pick<EndpointRecord, 'sandboxId'>>): void {
  const { sandboxId } = endpoint;
  for (const address of addressesOf(endpoint)) ipam.release(network, { address, ...(sandboxId === undefined ? {} : { sandboxId }) });
}

const LINK_LOCAL = { 4: parseCidr('169.254.0.0/16'), 6: parseCidr('fe80::/64') } as const;

/** The wished addresses of the link, with the length of their block. */
export function linkLocalOf({ name, linkLocalIps, takesIpv6 }: EndpointWish, { pool6, name: of }: NetworkRecord): Cidr[] {
  return linkLocalIps.map((text) => {
    const address = parseAddress(text);
    const block = address === undefined ? undefined : LINK_LOCAL[address.family];
    if (address === undefined || block === undefined || !contains(block, address))
      throw invalidArgument(`invalid link local IP address: ${text}`);
    if (address.family === 6 && (pool6 === undefined || !takesIpv6))
      throw invalidArgument(`endpoint ${name} cannot have the address ${text}: it has no IPv6 on network ${of}`);
    return { address, prefix: block.prefix };
  });
}

/** Those that the sandbox's default routes go through. */
export const gatewaysOf = ({
  gateway,
  ipv6,
  defaultRoute,
  otherRoutes = [],
}: Pick<EndpointRecord, 'gateway' | 'ipv6' | 'defaultRoute' | 'otherRoutes'>): Address[] =>
  [gateway, ipv6?.gateway ?? '']
    .flatMap((text) => parseAddress(text) ?? [])
    .filter(({ family }) => defaultRoute || otherRoutes.includes(family));

/** The MAC address that is asked for; undefined where none is. */
export function wishedMac({ name, macAddress }: Pick<EndpointWish, 'name' | 'macAddress'>): string | undefined {
  if (macAddress === '') return undefined;
  const mac = parseMac(macAddress);
  if (mac === undefined || (mac[0] ?? 1) & 1) throw invalidArgument(`endpoint ${name}: "${macAddress}" is no unicast MAC address`);
  return formatMac(mac);
}

/** One that its owner administers himself. */
export function randomMac(): string {
  const bytes = randomBytes(6);
  bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0);
  return formatMac(bytes);
}
