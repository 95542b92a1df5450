import type { Cidr } from './cidr';
import { first, overlaps } from './cidr';

/** A block that is cut into subnets of one size. */
export interface AddressPool {
  readonly base: Cidr;
  /** Prefix length of each subnet cut from it. */
  readonly size: number;
}

/** dockerd's local scope: 172.17 to 172.31 as /16, then 192.168 as /20. */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ base: { address: ((172 << 24) | ((17 + index) << 16)) >>> 0, prefix: 16 }, size: 16 })),
  { base: { address: ((192 << 24) | (168 << 16)) >>> 0, prefix: 16 }, size: 20 },
];

/**
 * The first subnet of the pools that overlaps none of the taken blocks (networks of ours, routes and resolvers of the host).
 * Undefined when the pools are used up.
 */
export function firstFree(pools: readonly AddressPool[], taken: readonly Cidr[]): Cidr | undefined {
  for (const pool of pools) {
    const step = 2 ** (32 - pool.size);
    for (let index = 0; index < 2 ** (pool.size - pool.base.prefix); index++) {
      const candidate = { address: first(pool.base) + index * step, prefix: pool.size };
      if (!taken.some((block) => overlaps(block, candidate))) return candidate;
    }
  }
  return undefined;
}
