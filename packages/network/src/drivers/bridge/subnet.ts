import { forbidden, invalidArgument, notImplemented } from '@gantry/rpc';
import type { Cidr } from '../../address/cidr';
import { first, formatAddress, formatCidr, last, overlaps, parseCidr } from '../../address/cidr';
import type { AddressPool } from '../../address/pools';
import { firstFree } from '../../address/pools';
import type { PoolRecord } from '../../store/record';
import type { NetworkWish, PoolWish } from '../driver';
import { checkPools } from './pool-faults';

/** What subnets must keep clear of. */
export interface Surroundings {
  /** Subnets of our networks, by the network's name. */
  readonly networks: readonly { readonly name: string; readonly subnet: Cidr }[];
  /** Destinations of the host's routes, without the default route. */
  readonly routes: readonly Cidr[];
  readonly pools: readonly AddressPool[];
}

/**
 * The wished subnet, checked and completed, or the first free one of the default pools. The default IPAM driver has no options: docker keeps them. Without need of a
 * gateway there is one only if it was asked for.
 */
export function choosePool(wish: NetworkWish, around: Surroundings, needsGateway = true): PoolRecord {
  checkPools(wish.pools);
  const [pool, second] = wish.pools;
  if (second !== undefined) throw forbidden("bridge driver doesn't support multiple subnets");
  const chosen = pool === undefined ? pooled(around) : configured(wish, pool, around);
  return needsGateway || (pool?.gateway ?? '') !== '' ? chosen : { ...chosen, gateway: '' };
}

function pooled(around: Surroundings): PoolRecord {
  const subnet = firstFree(around.pools, [...around.networks.map((network) => network.subnet), ...around.routes]);
  if (subnet === undefined)
    throw invalidArgument('could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network');
  return { subnet: formatCidr(subnet), gateway: formatAddress(first(subnet) + 1), ipRange: '', auxAddresses: {}, configured: false };
}

function configured({ name, predefined }: NetworkWish, pool: PoolWish, around: Surroundings): PoolRecord {
  const subnet = parseCidr(pool.subnet);
  if (subnet === undefined) throw notImplemented(`network ${name}: IPv6 subnets are not supported (${pool.subnet})`);
  if (subnet.prefix > 31 || subnet.prefix === 0) throw invalidArgument(`subnet ${pool.subnet} of network ${name} has no addresses to give`);
  if (around.networks.some((network) => overlaps(network.subnet, subnet)))
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  const range = pool.ipRange === '' ? undefined : parseCidr(pool.ipRange);
  checkFree(subnet, pool);
  const taken = Object.values(pool.auxAddresses);
  return {
    subnet: formatCidr(subnet),
    gateway: pool.gateway === '' ? formatAddress(freeGateway(subnet, range, taken)) : pool.gateway,
    ipRange: pool.ipRange,
    auxAddresses: pool.auxAddresses,
    configured: true,
    ...(pool.gateway === '' && !predefined ? { gatewayChosen: true } : {}),
  };
}

/** Refuses addresses that are the subnet's own, or that two of the wishes name. */
function checkFree(subnet: Cidr, { gateway, auxAddresses }: PoolWish): void {
  const used = new Set(subnet.prefix < 31 ? [formatAddress(first(subnet)), formatAddress(last(subnet))] : []);
  const wishes = [
    ['gateway (', gateway] as const,
    ...Object.entries(auxAddresses).map(([key, ip]) => [`secondary ip address (${key}:`, ip] as const),
  ];
  for (const [what, address] of wishes) {
    if (used.has(address)) throw invalidArgument(`failed to allocate ${what}${address}): Address already in use`);
    if (address !== '') used.add(address);
  }
}

/** The first address of the range (or the subnet) that is not an auxiliary one. */
function freeGateway(subnet: Cidr, range: Cidr | undefined, taken: readonly string[]): number {
  const start = Math.max(first(range ?? subnet), first(subnet) + (subnet.prefix < 31 ? 1 : 0));
  let address = start;
  while (taken.includes(formatAddress(address))) address++;
  return address;
}
