import { invalidArgument } from '@gantry/rpc';
import { type Cidr, contains, first, formatCidr, isSame, overlaps, parseAddress, parseCidr } from '../address/cidr';
import type { NetworkWish, PoolWish } from '../drivers/driver';

/** Refuses subnets, gateways, ranges and auxiliary addresses that say nothing or do not fit together: all that is wrong at once, in docker's words. */
export function checkPools({ pools, enableIpv6 }: Pick<NetworkWish, 'pools' | 'enableIpv6'>): void {
  const faults = pools.filter((pool) => enableIpv6 || parseCidr(pool.subnet)?.address.family !== 6).flatMap(poolFaults);
  if (faults.length === 0) return;
  throw invalidArgument(
    `invalid network config:\n${faults.length === 1 ? faults.join('') : faults.map((fault) => `* ${fault}`).join('\n')}`,
  );
}

function poolFaults({ subnet: text, gateway, ipRange, auxAddresses }: PoolWish): string[] {
  const subnet = parseCidr(text);
  if (subnet === undefined) return [`invalid subnet ${text}: invalid CIDR block notation`];
  const named = [
    ...(gateway === '' ? [] : [[`gateway ${gateway}`, gateway] as const]),
    ...Object.entries(auxAddresses).map(([name, aux]) => [`auxiliary address ${name}`, aux] as const),
  ];
  return [
    ...(isSame(subnet.address, first(subnet)) ? [] : [`invalid subnet ${text}: it should be ${masked(subnet)}`]),
    ...rangeFaults(ipRange, subnet).map((fault) => `invalid ip-range ${ipRange}: ${fault}`),
    ...named.flatMap(([what, value]) => addressFaults(value, subnet).map((fault) => `invalid ${what}: ${fault}`)),
  ];
}

function rangeFaults(text: string, subnet: Cidr): string[] {
  if (text === '') return [];
  const range = parseCidr(text);
  if (range === undefined) return ['invalid CIDR block notation'];
  if (range.address.family !== subnet.address.family) return [otherFamily(subnet)];
  return [
    ...(range.prefix < subnet.prefix ? [`CIDR block is bigger than its parent subnet ${formatCidr(subnet)}`] : []),
    ...(isSame(range.address, first(range)) ? [] : [`it should be ${masked(range)}`]),
    ...(overlaps(subnet, range) ? [] : [`parent subnet ${formatCidr(subnet)} doesn't contain ip-range`]),
  ];
}

function addressFaults(text: string, subnet: Cidr): string[] {
  const address = parseAddress(text);
  if (address === undefined) return ['invalid address'];
  if (address.family !== subnet.address.family) return [otherFamily(subnet)];
  return contains(subnet, address) ? [] : [`parent subnet ${formatCidr(subnet)} doesn't contain this address`];
}

const otherFamily = (subnet: Cidr): string => `parent subnet is an IPv${subnet.address.family} block`;

const masked = (block: Cidr): string => formatCidr({ ...block, address: first(block) });
