import type { Cluster } from '../cluster/cluster';
import type { Changed } from '../cluster/view';
import { recordOf, sharedNetwork } from '../drivers/overlay/plan';
import type { OverlayDriver } from '../drivers/overlay/overlay';
import type { NetworkRecord } from '../store/record';
import type { Parts } from './parts';

/**
 * Brings this engine to what others have agreed upon: networks of all engines come and go here, too, and links are told of endpoints. What runs here stays, whatever the
 * shared store says.
 */
export class ClusterFollower {
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: Parts,
    private readonly cluster: Cluster,
    private readonly driver: OverlayDriver,
  ) {}

  changed({ networks, endpoints, all }: Changed & { readonly all: boolean }): void {
    this.#tail = this.#tail.then(async () => {
      const local = (): string[] => this.#local().map(({ id }) => id);
      const touched = all ? new Set([...this.cluster.view.networks().map(({ id }) => id), ...local()]) : networks;
      for (const id of touched) await this.#attempt(id, () => this.parts.locks.run('networks', () => this.#settle(id)));
      for (const id of all ? local() : endpoints) await this.#attempt(id, () => this.driver.retell(id));
    });
  }

  /** Networks whose names were taken here may have found them free by now, and somebody may have taken links away. */
  again(): void {
    this.changed({ networks: new Set(this.#waiting()), endpoints: new Set(), all: false });
    this.#tail = this.#tail.then(async () => {
      for (const network of this.#local())
        await this.#attempt(network.id, async () => {
          await this.parts.locks.run('networks', () => this.#mend(network.id));
          await this.driver.retell(network.id);
        });
    });
  }

  /** All that was told is done. */
  idle(): Promise<void> {
    return this.#tail;
  }

  #local(): NetworkRecord[] {
    return this.parts.store.networks().filter(({ driver }) => driver === this.driver.name);
  }

  #waiting(): string[] {
    const { store } = this.parts;
    return this.cluster.view
      .networks()
      .flatMap(({ id, pending }) => (pending === undefined && store.network(id) === undefined ? [id] : []));
  }

  async #attempt(network: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.parts.logger.warn({ err: error, network }, 'what is new of a network of several engines could not be done here');
    }
  }

  /** With the lock of networks: none is being made or removed here. */
  async #settle(id: string): Promise<void> {
    const { store, logger } = this.parts;
    const [known, local] = [this.cluster.view.network(id), store.network(id)];
    if (known === undefined) {
      if (local !== undefined && !(await this.cluster.has(id))) await this.#gone(local);
      return;
    }
    if (known.pending !== undefined) {
      if (known.pending !== this.cluster.id) return;
      // this engine died while it made the network
      if (local === undefined) await this.cluster.drop(id);
      else await this.cluster.confirm(sharedNetwork(local));
      return;
    }
    if (local !== undefined) return;
    const same = store.networks().find(({ name }) => name === known.name);
    if (same === undefined) return store.saveNetwork(recordOf(known));
    logger.warn({ network: id, own: same.id }, `network ${known.name} of other engines waits here: this engine has another of its name`);
  }

  async #mend(id: string): Promise<void> {
    const network = this.parts.store.network(id);
    if (network !== undefined && !this.parts.removing.has(id)) await this.driver.ensure(network);
  }

  async #gone(local: NetworkRecord): Promise<void> {
    const { store, removing, logger } = this.parts;
    if (store.endpointsOfNetwork(local.id).length > 0) {
      logger.warn({ network: local.id }, `network ${local.name} was gone from the shared store, and has endpoints here: it is put back`);
      return this.cluster.confirm(sharedNetwork(local));
    }
    removing.add(local.id);
    try {
      await this.driver.forget(local);
      store.deleteNetwork(local.id);
    } finally {
      removing.delete(local.id);
    }
  }
}
