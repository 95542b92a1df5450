import { forbidden, internal, invalidArgument, resourceExhausted } from '@gantry/rpc';
import { type Address, type Cidr, contains, type Family, formatAddress, parseAddress, parseCidr } from '../address/cidr';
import { AddressLeases } from '../address/leases';
import type { NetworkWish } from '../drivers/driver';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../store/record';
import {
  type AddressWish,
  DEFAULT_IPAM,
  familyOf,
  type Ipam,
  type Lease,
  type PoolHolder,
  type PoolNeeds,
  poolsOfNetwork,
  type Released,
} from './ipam';
import { arePoolsUsedUp, choosePools, type Surroundings } from './subnet';

/** Our own: subnets that keep clear of the host's and of each other, addresses out of a book in memory that the store's records fill. */
export class LocalIpam implements Ipam {
  readonly name = DEFAULT_IPAM;
  readonly #leases = new Map<string, readonly AddressLeases[]>();

  /** `makeRoom` takes something out of the way of the default pools that nobody needs any more; false when there is nothing. */
  constructor(
    private readonly surroundings: () => Promise<Surroundings>,
    private readonly makeRoom: () => Promise<boolean>,
  ) {}

  async plan(wish: NetworkWish, needs: PoolNeeds): Promise<readonly PoolRecord[]> {
    for (;;) {
      try {
        return choosePools(wish, await this.surroundings(), needs);
      } catch (error) {
        if (!arePoolsUsedUp(error) || !(await this.makeRoom())) throw error;
      }
    }
  }

  forget(network: PoolHolder): Promise<void> {
    this.#leases.delete(network.id);
    return Promise.resolve();
  }

  take(network: NetworkRecord, wish: AddressWish): Promise<Lease> {
    return Promise.resolve().then(() =>
      wish.address === '' ? this.#any(network, wish) : this.#exactly(network, wish.address, wish.family),
    );
  }

  restore(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'address'>): Promise<void> {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#find(network, address)?.leases.restore(address);
    return Promise.resolve();
  }

  release(network: NetworkRecord, endpoint: Released): void {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#find(network, address)?.leases.release(address, endpoint.sandboxId);
  }

  #any(network: NetworkRecord, { family, order, sandboxId }: AddressWish): Lease {
    const pools = poolsOfNetwork(network);
    for (const [at, leases] of this.#leasesOf(network).entries()) {
      const pool = pools[at];
      const address = pool === undefined || familyOf(pool) !== family ? undefined : leases?.take(order, sandboxId);
      if (address !== undefined) return { address: formatAddress(address), prefix: prefixOf(pool) };
    }
    const subnets = pools.filter((pool) => familyOf(pool) === family).map(({ subnet }) => subnet);
    throw resourceExhausted(`no available IPv${family} addresses on network ${network.name} (${subnets.join(', ')})`);
  }

  #exactly(network: NetworkRecord, wanted: string, family: Family): Lease {
    const address = parseAddress(wanted);
    if (address?.family !== family) throw invalidArgument(`invalid IPv${family} address: ${wanted}`);
    const found = this.#find(network, address);
    const outcome = found?.leases.takeExactly(address) ?? 'outside';
    if (outcome === 'in use') throw forbidden('Address already in use');
    if (outcome === 'outside')
      throw invalidArgument(`no configured subnet or ip-range contain the IP address ${wanted}`, { meta: { fault: 'endpoint settings' } });
    return { address: formatAddress(address), prefix: prefixOf(found?.pool) };
  }

  #find(network: NetworkRecord, address: Address): { readonly leases: AddressLeases; readonly pool: PoolRecord } | undefined {
    for (const [at, pool] of poolsOfNetwork(network).entries()) {
      const leases = this.#leasesOf(network)[at];
      if (leases !== undefined && contains(subnetOf(pool.subnet), address)) return { leases, pool };
    }
    return undefined;
  }

  #leasesOf(network: NetworkRecord): readonly AddressLeases[] {
    let leases = this.#leases.get(network.id);
    if (leases === undefined) {
      leases = poolsOfNetwork(network).map(({ subnet, ipRange, gateway, auxAddresses }) => {
        const reserved = [gateway, ...Object.values(auxAddresses)].flatMap((text) => parseAddress(text) ?? []);
        return new AddressLeases(subnetOf(subnet), parseCidr(ipRange), reserved);
      });
      this.#leases.set(network.id, leases);
    }
    return leases;
  }
}

const prefixOf = (pool: PoolRecord | undefined): number => subnetOf(pool?.subnet ?? '').prefix;

/** A subnet of a record of ours, which was written of one. */
function subnetOf(text: string): Cidr {
  const subnet = parseCidr(text);
  if (subnet === undefined) throw internal(`"${text}" in the records is no subnet`);
  return subnet;
}
