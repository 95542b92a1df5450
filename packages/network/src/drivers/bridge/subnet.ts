import { forbidden, invalidArgument, notImplemented } from '@gantry/rpc';
import type { Cidr } from '../../address/cidr';
import { contains, first, formatAddress, formatCidr, last, overlaps, parseAddress, parseCidr } from '../../address/cidr';
import type { AddressPool } from '../../address/pools';
import { firstFree } from '../../address/pools';
import type { PoolRecord } from '../../store/record';
import type { NetworkWish, PoolWish } from '../driver';

/** What subnets must keep clear of. */
export interface Surroundings {
  /** Subnets of our networks, by the network's name. */
  readonly networks: readonly { readonly name: string; readonly subnet: Cidr }[];
  /** Destinations of the host's routes, without the default route. */
  readonly routes: readonly Cidr[];
  readonly pools: readonly AddressPool[];
}

/** The wished subnet, checked and completed, or the first free one of the default pools. */
export function choosePool(wish: NetworkWish, around: Surroundings): PoolRecord {
  const option = Object.keys(wish.ipamOptions)[0];
  if (option !== undefined) throw notImplemented(`network ${wish.name}: IPAM option "${option}" is not supported`);
  const [pool, second] = wish.pools;
  if (second !== undefined) throw notImplemented(`network ${wish.name}: more than one subnet is not supported (${second.subnet})`);
  return pool === undefined || pool.subnet === '' ? pooled(wish, pool, around) : configured(wish.name, pool, around);
}

function pooled(wish: NetworkWish, pool: PoolWish | undefined, around: Surroundings): PoolRecord {
  if (pool !== undefined && (pool.gateway !== '' || pool.ipRange !== '' || Object.keys(pool.auxAddresses).length > 0)) {
    throw invalidArgument(`network ${wish.name}: a gateway, range or auxiliary address needs a subnet`);
  }
  const subnet = firstFree(around.pools, [...around.networks.map((network) => network.subnet), ...around.routes]);
  if (subnet === undefined)
    throw invalidArgument('could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network');
  return { subnet: formatCidr(subnet), gateway: formatAddress(first(subnet) + 1), ipRange: '', auxAddresses: {}, configured: false };
}

function configured(name: string, pool: PoolWish, around: Surroundings): PoolRecord {
  if (pool.subnet.includes(':')) throw notImplemented(`network ${name}: IPv6 subnets are not supported (${pool.subnet})`);
  const subnet = parseCidr(pool.subnet);
  if (subnet === undefined || subnet.prefix > 31 || subnet.prefix === 0)
    throw invalidArgument(`invalid subnet ${pool.subnet} of network ${name}`);
  if (subnet.address !== first(subnet))
    throw invalidArgument(
      `invalid subnet ${pool.subnet} of network ${name}: it should be ${formatCidr({ ...subnet, address: first(subnet) })}`,
    );
  if (around.networks.some((network) => overlaps(network.subnet, subnet)))
    throw forbidden('Pool overlaps with other one on this address space');

  const range = pool.ipRange === '' ? undefined : parseCidr(pool.ipRange);
  if (pool.ipRange !== '' && (range === undefined || !contains(subnet, first(range)) || !contains(subnet, last(range)))) {
    throw invalidArgument(`invalid ip-range ${pool.ipRange} of network ${name}: it is not within subnet ${pool.subnet}`);
  }
  const auxAddresses = Object.entries(pool.auxAddresses);
  for (const [key, text] of auxAddresses) inside(`auxiliary address ${key}=${text}`, text, subnet, name);
  const gateway =
    pool.gateway === ''
      ? freeGateway(
          subnet,
          range,
          auxAddresses.map(([, text]) => text),
        )
      : inside(`gateway ${pool.gateway}`, pool.gateway.split('/')[0] ?? '', subnet, name);
  return {
    subnet: formatCidr(subnet),
    gateway: formatAddress(gateway),
    ipRange: range === undefined ? '' : formatCidr({ address: first(range), prefix: range.prefix }),
    auxAddresses: pool.auxAddresses,
    configured: true,
  };
}

function inside(what: string, text: string, subnet: Cidr, name: string): number {
  const address = parseAddress(text);
  if (address === undefined || !contains(subnet, address))
    throw invalidArgument(`invalid ${what} of network ${name}: it is not within subnet ${formatCidr(subnet)}`);
  return address;
}

/** The first address of the range (or the subnet) that is not an auxiliary one. */
function freeGateway(subnet: Cidr, range: Cidr | undefined, taken: readonly string[]): number {
  const start = Math.max(first(range ?? subnet), first(subnet) + (subnet.prefix < 31 ? 1 : 0));
  let address = start;
  while (taken.includes(formatAddress(address))) address++;
  return address;
}
