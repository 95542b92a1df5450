import { isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import { type Cidr, contains, first, formatCidr, overlaps, parseAddress, parseCidr } from '../../address/cidr';
import type { PoolWish } from '../driver';

/** Refuses subnets, gateways, ranges and auxiliary addresses that say nothing or do not fit together: all that is wrong at once, in docker's words. */
export function checkPools(pools: readonly PoolWish[]): void {
  const faults = pools.flatMap(poolFaults);
  if (faults.length === 0) return;
  throw invalidArgument(
    `invalid network config:\n${faults.length === 1 ? faults.join('') : faults.map((fault) => `* ${fault}`).join('\n')}`,
  );
}

function poolFaults({ subnet: text, gateway, ipRange, auxAddresses }: PoolWish): string[] {
  const [address = '', length = '', more] = text.split('/');
  // What an IPv6 subnet may hold is the driver's business, which has none.
  if (isIP(address) === 6 && more === undefined && /^\d{1,3}$/.test(length) && Number(length) <= 128) return [];
  const subnet = parseCidr(text);
  if (subnet === undefined) return [`invalid subnet ${text}: invalid CIDR block notation`];
  const named = [
    ...(gateway === '' ? [] : [[`gateway ${gateway}`, gateway] as const]),
    ...Object.entries(auxAddresses).map(([name, aux]) => [`auxiliary address ${name}`, aux] as const),
  ];
  return [
    ...(subnet.address === first(subnet) ? [] : [`invalid subnet ${text}: it should be ${masked(subnet)}`]),
    ...rangeFaults(ipRange, subnet).map((fault) => `invalid ip-range ${ipRange}: ${fault}`),
    ...named.flatMap(([what, value]) => addressFaults(value, subnet).map((fault) => `invalid ${what}: ${fault}`)),
  ];
}

function rangeFaults(text: string, subnet: Cidr): string[] {
  if (text === '') return [];
  const range = parseCidr(text);
  if (range === undefined) return [isIP(text.split('/')[0] ?? '') === 6 ? 'parent subnet is an IPv4 block' : 'invalid CIDR block notation'];
  return [
    ...(range.prefix < subnet.prefix ? [`CIDR block is bigger than its parent subnet ${formatCidr(subnet)}`] : []),
    ...(range.address === first(range) ? [] : [`it should be ${masked(range)}`]),
    ...(overlaps(subnet, range) ? [] : [`parent subnet ${formatCidr(subnet)} doesn't contain ip-range`]),
  ];
}

function addressFaults(text: string, subnet: Cidr): string[] {
  const address = parseAddress(text);
  if (address === undefined) return [isIP(text) === 6 ? 'parent subnet is an IPv4 block' : 'invalid address'];
  return contains(subnet, address) ? [] : [`parent subnet ${formatCidr(subnet)} doesn't contain this address`];
}

const masked = (block: Cidr): string => formatCidr({ ...block, address: first(block) });
