import { forbidden, notFound, notImplemented } from '@gantry/rpc';
import { formatAddress, parseAddress } from '../../address/cidr';
import type { Cluster } from '../../cluster/cluster';
import { type AddressWish, DEFAULT_IPAM, type Ipam, type Lease, type PoolHolder } from '../../ipam/ipam';
import { LocalIpam } from '../../ipam/local';
import type { EndpointRecord, NetworkRecord, PoolRecord } from '../../store/record';

/** Addresses that several engines give: each is the engine's that the shared store says. */
export class OverlayIpam implements Ipam {
  readonly name = DEFAULT_IPAM;
  readonly #book = new LocalIpam(
    () => Promise.reject(notImplemented('subnets of overlay networks are chosen with their networks')),
    () => Promise.resolve(false),
  );

  constructor(private readonly cluster: Cluster) {}

  plan(): Promise<readonly PoolRecord[]> {
    return Promise.reject(notImplemented('subnets of overlay networks are chosen with their networks'));
  }

  forget(network: PoolHolder): Promise<void> {
    return this.#book.forget(network);
  }

  async take(network: NetworkRecord, wish: AddressWish): Promise<Lease> {
    const foreign = new Set(this.cluster.view.addressesOf(network.id));
    const refused: Lease[] = [];
    try {
      for (;;) {
        const lease = await this.#book.take(network, { ...wish, order: 'next' }); // as docker has it where several engines choose
        if (wish.address === '' && foreign.has(lease.address)) {
          refused.push(lease);
          continue;
        }
        const outcome = await this.#claim(network, lease);
        if (outcome === 'claimed') return lease; // else another engine was faster
        refused.push(lease);
        if (wish.address !== '') throw forbidden('Address already in use');
      }
    } finally {
      for (const lease of refused) this.#book.release(network, lease);
    }
  }

  restore(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'address'>): Promise<void> {
    return this.#book.restore(network, endpoint);
  }

  release(network: NetworkRecord, { address }: Pick<EndpointRecord, 'address'>): void {
    const parsed = parseAddress(address);
    if (parsed === undefined) return;
    this.#book.release(network, { address });
    this.cluster.unclaim(network.id, [formatAddress(parsed)]);
  }

  async #claim(network: NetworkRecord, lease: Lease): Promise<'claimed' | 'taken'> {
    let outcome: Awaited<ReturnType<Cluster['claim']>>;
    try {
      outcome = await this.cluster.claim(network.id, [lease.address]);
    } catch (error) {
      this.#book.release(network, lease);
      throw error;
    }
    if (outcome !== 'no network') return outcome;
    this.#book.release(network, lease);
    throw notFound(`network ${network.name} not found`);
  }
}
