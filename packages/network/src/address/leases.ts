import type { Address, Cidr, Family } from './cidr';
import { contains, first, isSame, last } from './cidr';

/** How an address is chosen: the `lowest` that is free, or the `next` after the one given last, so that one rests as long as can be. */
export type Order = 'lowest' | 'next';

/** In which the last holder's interface is most likely still dying with its namespace: to wait for that costs 16 ms. */
const REST_MS = 25;

interface Released {
  readonly at: number;
  readonly holder: string;
}

/**
 * The addresses of one subnet that are in use. Kept in memory and rebuilt from the store: an endpoint's record is the lease.
 *
 * One that was released a moment ago is not the lowest for others than its last holder: its old veth may still be dying.
 */
export class AddressLeases {
  readonly #used = new Set<bigint>();
  /** By when they were released, first first. */
  readonly #released = new Map<bigint, Released>();
  readonly #reserved: ReadonlySet<bigint>;
  readonly #family: Family;
  readonly #low: bigint;
  readonly #high: bigint;
  #next: bigint;
  /** None below is free. */
  #lowest: bigint;

  /** `range` narrows what is chosen (not what may be asked for by address); `reserved` is never given: gateway, aux addresses. */
  constructor(
    private readonly subnet: Cidr,
    range: Cidr | undefined,
    reserved: readonly Address[],
    private readonly now: () => number = () => performance.now(),
  ) {
    const block = range ?? subnet;
    const own = edges(subnet);
    this.#family = subnet.address.family;
    this.#reserved = new Set([...reserved, ...own].map(({ value }) => value));
    this.#low = first(block).value;
    this.#high = last(block).value;
    this.#next = this.#low;
    this.#lowest = this.#low;
  }

  get size(): number {
    return this.#used.size;
  }

  /** A free address, or undefined when there is none. `holder` may have at once what it had. */
  take(order: Order, holder = ''): Address | undefined {
    const value = order === 'lowest' ? this.#takeLowest(holder) : this.#takeNext();
    if (value === undefined) return undefined;
    this.#use(value);
    return { family: this.#family, value };
  }

  #takeNext(): bigint | undefined {
    const tries = BigInt(this.#used.size + this.#reserved.size + 1); // one of so many is free, if any is
    const count = this.#high - this.#low + 1n;
    for (let left = tries < count ? tries : count; left > 0n; left--) {
      const candidate = this.#next;
      this.#next = candidate >= this.#high ? this.#low : candidate + 1n;
      if (this.#isFree(candidate)) return candidate;
    }
    return undefined;
  }

  #takeLowest(holder: string): bigint | undefined {
    while (this.#lowest <= this.#high && !this.#isFree(this.#lowest)) this.#lowest++;
    const since = this.now() - REST_MS;
    for (let candidate = this.#lowest; candidate <= this.#high; candidate++) {
      if (!this.#isFree(candidate)) continue;
      const released = this.#released.get(candidate);
      if (released === undefined || released.at < since || (holder !== '' && released.holder === holder)) return candidate;
    }
    for (const candidate of this.#released.keys()) if (candidate >= this.#low && candidate <= this.#high) return candidate;
    return undefined;
  }

  #isFree(value: bigint): boolean {
    return !this.#used.has(value) && !this.#reserved.has(value);
  }

  #use(value: bigint): void {
    this.#used.add(value);
    this.#released.delete(value);
  }

  /** Takes exactly this address. Tells why not: outside of the subnet, or in use. */
  takeExactly(address: Address): 'taken' | 'outside' | 'in use' {
    if (!contains(this.subnet, address) || edges(this.subnet).some((edge) => isSame(edge, address))) return 'outside';
    if (!this.#isFree(address.value)) return 'in use';
    this.#use(address.value);
    return 'taken';
  }

  /** Marks a lease that the store knows; the next choice comes after it. */
  restore({ value }: Address): void {
    this.#use(value);
    if (value >= this.#next && value < this.#high) this.#next = value + 1n;
  }

  release({ value }: Address, holder = ''): void {
    if (!this.#used.delete(value)) return;
    const since = this.now() - REST_MS;
    for (const [rested, { at }] of this.#released) {
      if (at >= since) break;
      this.#released.delete(rested);
    }
    this.#released.set(value, { at: this.now(), holder });
    if (value >= this.#low && value < this.#lowest) this.#lowest = value;
  }
}

/** Addresses that no host has: network and broadcast address of an IPv4 subnet that is no point-to-point link, the routers' anycast address of IPv6. */
export function edges(subnet: Cidr): Address[] {
  if (subnet.address.family === 6) return [first(subnet)];
  return subnet.prefix < 31 ? [first(subnet), last(subnet)] : [];
}
