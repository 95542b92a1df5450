import type { Cidr } from './cidr';
import { contains, first, last } from './cidr';

/**
 * The addresses of one subnet that are in use. Kept in memory and rebuilt from the store: an endpoint's record is the lease.
 *
 * Free addresses are handed out in ascending order from the one given last, so an address rests as long as possible before it
 * is used again: its old veth may still be dying with its namespace.
 */
export class AddressLeases {
  readonly #used = new Set<number>();
  readonly #low: number;
  readonly #high: number;
  #next: number;

  /** `range` narrows what is chosen (not what may be asked for by address); `reserved` is never given: gateway, aux addresses. */
  constructor(
    private readonly subnet: Cidr,
    range: Cidr | undefined,
    private readonly reserved: ReadonlySet<number>,
  ) {
    const block = range ?? subnet;
    const edges = subnet.prefix < 31 ? 1 : 0;
    this.#low = Math.max(first(block), first(subnet) + edges);
    this.#high = Math.min(last(block), last(subnet) - edges);
    this.#next = this.#low;
  }

  get size(): number {
    return this.#used.size;
  }

  /** A free address, or undefined when there is none. */
  take(): number | undefined {
    const count = this.#high - this.#low + 1;
    for (let tries = 0; tries < count; tries++) {
      const candidate = this.#next;
      this.#next = candidate >= this.#high ? this.#low : candidate + 1;
      if (this.#used.has(candidate) || this.reserved.has(candidate)) continue;
      this.#used.add(candidate);
      return candidate;
    }
    return undefined;
  }

  /** Takes exactly this address. Tells why not: outside of the subnet, or in use. */
  takeExactly(address: number): 'taken' | 'outside' | 'in use' {
    if (!contains(this.subnet, address)) return 'outside';
    if (this.#used.has(address) || this.reserved.has(address)) return 'in use';
    if (this.subnet.prefix < 31 && (address === first(this.subnet) || address === last(this.subnet))) return 'outside';
    this.#used.add(address);
    return 'taken';
  }

  /** Marks a lease that the store knows; the next choice comes after it. */
  restore(address: number): void {
    this.#used.add(address);
    if (address >= this.#next && address < this.#high) this.#next = address + 1;
  }

  release(address: number): void {
    this.#used.delete(address);
  }
}
