import { forbidden, invalidArgument, isGantryError } from '@gantry/rpc';
import type { Address, Cidr, Family } from '../address/cidr';
import { first, formatAddress, formatCidr, isSame, overlaps, parseAddress, parseCidr, plus, WIDTH } from '../address/cidr';
import { edges } from '../address/leases';
import type { AddressPool } from '../address/pools';
import { firstFree } from '../address/pools';
import type { PoolRecord } from '../store/record';
import type { NetworkWish, PoolWish } from '../drivers/driver';
import type { PoolNeeds } from './ipam';
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
 * The wished subnets, checked and completed, and for a family without any the first free one of the default pools. The default IPAM driver has no options:
 * docker keeps them.
 */
export function choosePools(wish: NetworkWish, around: Surroundings, needs: PoolNeeds): readonly PoolRecord[] {
  checkPools(wish);
  const chosen: PoolRecord[] = [];
  // What is chosen in place of a network's own former subnet may be that one again.
  const others = around.networks.filter(({ name }) => name !== wish.name);
  for (const family of [...(wish.enableIpv4 ? [4 as const] : []), ...(wish.enableIpv6 ? [6 as const] : [])]) {
    const wishes = wish.pools.filter((pool) => parseCidr(pool.subnet)?.address.family === family);
    for (const pool of wishes.length === 0 ? [undefined] : wishes) {
      const own = chosen.flatMap(({ subnet }) => parseCidr(subnet) ?? []).map((subnet) => ({ name: wish.name, subnet }));
      const surrounded = { ...around, networks: [...others, ...own] };
      const record = pool === undefined ? pooled(surrounded, family) : configured(wish, pool, surrounded);
      chosen.push(needs.gateway[family] || (pool?.gateway ?? '') !== '' ? record : { ...record, gateway: '' });
    }
  }
  return chosen;
}

const POOLS_USED_UP = 'pools used up';

/** Whether `choosePools` failed because the default pools have nothing free. */
export const arePoolsUsedUp = (error: unknown): boolean => isGantryError(error) && error.meta?.['fault'] === POOLS_USED_UP;

function pooled(around: Surroundings, family: Family): PoolRecord {
  const subnet = firstFree(around.pools, [...around.networks.map((network) => network.subnet), ...around.routes], family);
  if (subnet === undefined)
    throw invalidArgument(
      `could not find an available, non-overlapping IPv${family} address pool among the defaults to assign to the network`,
      { meta: { fault: POOLS_USED_UP } },
    );
  return { subnet: formatCidr(subnet), gateway: formatAddress(plus(first(subnet), 1n)), ipRange: '', auxAddresses: {}, configured: false };
}

const MAPPED_IPV4: Cidr = { address: { family: 6, value: 0xffff00000000n }, prefix: 96 };

function configured({ name }: NetworkWish, pool: PoolWish, around: Surroundings): PoolRecord {
  const subnet = parseCidr(pool.subnet);
  if (subnet === undefined || subnet.prefix === 0 || subnet.prefix > WIDTH[subnet.address.family] - 1)
    throw invalidArgument(`subnet ${pool.subnet} of network ${name} has no addresses to give`);
  if (overlaps(subnet, MAPPED_IPV4)) throw invalidArgument(`subnet ${pool.subnet} of network ${name} is of IPv4 addresses`);
  if (around.networks.some((network) => overlaps(network.subnet, subnet)))
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  const range = pool.ipRange === '' ? undefined : parseCidr(pool.ipRange);
  checkFree(subnet, pool);
  const taken = Object.values(pool.auxAddresses);
  return {
    subnet: pool.subnet,
    gateway: pool.gateway === '' ? formatAddress(freeGateway(subnet, range, taken)) : pool.gateway,
    ipRange: pool.ipRange,
    auxAddresses: pool.auxAddresses,
    configured: true,
    ...(pool.gateway === '' ? { gatewayChosen: true } : {}),
  };
}

/** Refuses addresses that are the subnet's own, or that two of the wishes name. */
function checkFree(subnet: Cidr, { gateway, auxAddresses }: PoolWish): void {
  const used = new Set(edges(subnet).map(formatAddress));
  const wishes = [
    ['gateway (', gateway] as const,
    ...Object.entries(auxAddresses).map(([key, ip]) => [`secondary ip address (${key}:`, ip] as const),
  ];
  for (const [what, text] of wishes) {
    const address = parseAddress(text);
    if (address === undefined) continue;
    if (used.has(formatAddress(address))) throw invalidArgument(`failed to allocate ${what}${text}): Address already in use`);
    used.add(formatAddress(address));
  }
}

/** The first address of the range (or the subnet) that is neither the subnet's own nor an auxiliary one. */
function freeGateway(subnet: Cidr, range: Cidr | undefined, auxiliary: readonly string[]): Address {
  const taken = [...edges(subnet), ...auxiliary.flatMap((text) => parseAddress(text) ?? [])];
  let address = first(range ?? subnet);
  while (taken.some((other) => isSame(other, address))) address = plus(address, 1n);
  return address;
}
