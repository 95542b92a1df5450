import type { Address, Cidr, Family } from './cidr';
import { contains, first, isSame, last } from './cidr';

/**
 * The addresses of one subnet that are in use. Kept in memory and rebuilt from the store: an endpoint's record is the lease.
 *
 * Free addresses are handed out in ascending order from the one given last, so an address rests as long as possible before it
 * is used again: its old veth may still be dying with its namespace.
 */
export class AddressLeases {
  readonly #used = new Set<bigint>();
  readonly #reserved: ReadonlySet<bigint>;
  readonly #family: Family;
  readonly #low: bigint;
  readonly #high: bigint;
  #next: bigint;

  /** `range` narrows what is chosen (not what may be asked for by address); `reserved` is never given: gateway, aux addresses. */
  constructor(
    private readonly subnet: Cidr,
    range: Cidr | undefined,
    reserved: readonly Address[],
  ) {
    const block = range ?? subnet;
    const own = edges(subnet);
    this.#family = subnet.address.family;
    this.#reserved = new Set([...reserved, ...own].map(({ value }) => value));
    this.#low = first(block).value;
    this.#high = last(block).value;
    this.#next = this.#low;
  }

  get size(): number {
    return this.#used.size;
  }

  /** A free address, or undefined when there is none. */
  take(): Address | undefined {
    const tries = BigInt(this.#used.size + this.#reserved.size + 1); // one of so many is free, if any is
    const count = this.#high - this.#low + 1n;
    for (let left = tries < count ? tries : count; left > 0n; left--) {
      const candidate = this.#next;
      this.#next = candidate >= this.#high ? this.#low : candidate + 1n;
      if (this.#used.has(candidate) || this.#reserved.has(candidate)) continue;
      this.#used.add(candidate);
      return { family: this.#family, value: candidate };
    }
    return undefined;
  }

  /** Takes exactly this address. Tells why not: outside of the subnet, or in use. */
  takeExactly(address: Address): 'taken' | 'outside' | 'in use' {
    if (!contains(this.subnet, address) || edges(this.subnet).some((edge) => isSame(edge, address))) return 'outside';
    if (this.#used.has(address.value) || this.#reserved.has(address.value)) return 'in use';
    this.#used.add(address.value);
    return 'taken';
  }

  /** Marks a lease that the store knows; the next choice comes after it. */
  restore({ value }: Address): void {
    this.#used.add(value);
    if (value >= this.#next && value < this.#high) this.#next = value + 1n;
  }

  release({ value }: Address): void {
    this.#used.delete(value);
  }
}

/** Addresses that no host has: network and broadcast address of an IPv4 subnet that is no point-to-point link, the routers' anycast address of IPv6. */
export function edges(subnet: Cidr): Address[] {
  if (subnet.address.family === 6) return [first(subnet)];
  return subnet.prefix < 31 ? [first(subnet), last(subnet)] : [];
}
