import type { PoolStatus } from '@gantry/api/gantry/network/v1/network';
import { type Address, contains, parseAddress, parseCidr, sizeOf } from '../address/cidr';
import { edges } from '../address/leases';
import type { EndpointRecord, PoolRecord } from '../store/record';

const MOST = 2n ** 64n - 1n;

/** What is taken of a subnet of our own and what is left, as the records say it; undefined for one that no address is handed out of. */
export function poolStatus(pool: PoolRecord, endpoints: readonly Pick<EndpointRecord, 'address' | 'ipv6'>[]): PoolStatus | undefined {
  const subnet = parseCidr(pool.subnet);
  if (subnet === undefined || subnet.prefix === 0) return undefined;
  const texts = [
    pool.gateway,
    ...Object.values(pool.auxAddresses),
    ...endpoints.flatMap(({ address, ipv6 }) => [address, ipv6?.address ?? '']),
  ];
  const given = texts.flatMap((text) => parseAddress(text) ?? []).filter((address) => contains(subnet, address));
  const taken = new Map<bigint, Address>([...edges(subnet), ...given].map((address) => [address.value, address]));
  const range = parseCidr(pool.ipRange) ?? subnet;
  const within = [...taken.values()].filter((address) => contains(range, address)).length;
  return { inUse: BigInt(taken.size), available: most(sizeOf(range.address.family, range.prefix) - BigInt(within)) };
}

const most = (count: bigint): bigint => (count > MOST ? MOST : count);
