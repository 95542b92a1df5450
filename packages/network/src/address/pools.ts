import { createHash } from 'node:crypto';
import type { Address, Cidr, Family } from './cidr';
import { first, last, overlaps, sizeOf } from './cidr';

/** A block that is cut into subnets of one size. */
export interface AddressPool {
  readonly base: Cidr;
  /** Prefix length of each subnet cut from it. */
  readonly size: number;
}

const ipv4 = (high: number, low: number): Address => ({ family: 4, value: BigInt(high * 2 ** 24 + low * 2 ** 16) });

/** dockerd's local scope: 172.17 to 172.31 as /16, then 192.168 as /20. */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ base: { address: ipv4(172, 17 + index), prefix: 16 }, size: 16 })),
  { base: { address: ipv4(192, 168), prefix: 16 }, size: 20 },
];

/** The engine's own block of unique local addresses (RFC 4193), cut into /64: it follows from an identity that no other engine has. */
export function uniqueLocalPool(identity: string): AddressPool {
  const globalId = createHash('sha256').update(identity).digest().readBigUInt64BE() & 0xffffffffffn;
  return { base: { address: { family: 6, value: (0xfdn << 120n) | (globalId << 80n) }, prefix: 48 }, size: 64 };
}

/** dockerd's rule: pools without any IPv6 get the engine's own block. */
export function withUniqueLocal(pools: readonly AddressPool[], identity: () => string): readonly AddressPool[] {
  return pools.some(({ base }) => base.address.family === 6) ? pools : [...pools, uniqueLocalPool(identity())];
}

/**
 * The first subnet of the family's pools that overlaps none of the taken blocks (networks of ours, routes and resolvers of the host).
 * Undefined when the pools are used up.
 */
export function firstFree(pools: readonly AddressPool[], taken: readonly Cidr[], family: Family): Cidr | undefined {
  for (const { base, size } of pools.filter((pool) => pool.base.address.family === family)) {
    const end = last(base).value;
    let value = first(base).value;
    while (value <= end) {
      const candidate = { address: { family, value }, prefix: size };
      const obstacle = taken.find((block) => overlaps(block, candidate));
      if (obstacle === undefined) return candidate;
      // on behind what is in the way, which may be many subnets wide
      const behind = [last(obstacle).value, last(candidate).value].reduce((a, b) => (a > b ? a : b)) + 1n;
      const step = sizeOf(family, size);
      value = ((behind + step - 1n) / step) * step;
    }
  }
  return undefined;
}
