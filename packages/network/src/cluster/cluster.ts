import { errorText, failedPrecondition, type GantryError, type Logger, pause } from '@gantry/rpc';
import type { EndpointRecord } from '../store/record';
import { type Keys, shared, type SharedEngine, type SharedMember, type SharedNetwork } from './records';
import type { Change, Condition, SharedStore } from './shared-store';
import { type Changed, View } from './view';

export interface ClusterNeeds {
  /** A connection to one of the store's members, another one at each attempt. */
  readonly open: (attempt: number) => Promise<SharedStore>;
  readonly keys: Keys;
  /** Seconds that others remember this engine when it is gone. */
  readonly lease: number;
  /** Who this engine is; it may depend on how the store is reached. */
  readonly self: () => Promise<SharedEngine>;
  /** The same as its id. */
  readonly id: string;
  /** The lease, over restarts of this service: what it has told others does not go meanwhile. */
  readonly kept: { read(): bigint | undefined; save(lease: bigint): void };
  /** This engine's endpoints on networks of several engines. */
  readonly endpoints: () => readonly EndpointRecord[];
  /** Told of everything that changed, and with `all` when it may be anything. */
  readonly changed: (changed: Changed & { readonly all: boolean }) => void;
  readonly logger: Logger;
}

interface Session {
  readonly store: SharedStore;
  readonly lease: bigint;
  readonly self: SharedEngine;
}

/** How long the first question waits for the first answer of all. */
const FIRST_MS = 5_000;

const RETRY = { firstMs: 200, mostMs: 2_000 } as const;

/**
 * This engine among others: what it tells them, under a lease that it keeps, and what it knows of them. While the store is away all that is known stays, and nothing new
 * can be agreed upon.
 */
export class Cluster {
  readonly view: View;
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #running: Promise<void> = Promise.resolve();
  #failure = 'not connected yet';
  #informed = false;
  /** Addresses that were claimed in this life, whether an endpoint's record has them yet or not. */
  readonly #claimed = new Set<string>();
  /** What is being given back: no claim overtakes it. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(private readonly needs: ClusterNeeds) {
    this.view = new View(needs.keys, (key, error) => needs.logger.warn({ err: error, key }, 'a record of the shared store cannot be read'));
  }

  get id(): string {
    return this.needs.id;
  }

  /** Whether anything is known: before, what the kernel was told by a process before this one stays. */
  get informed(): boolean {
    return this.#informed;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Resolves when there is a session, or after `ms`. */
  async settled(ms: number): Promise<void> {
    const end = Date.now() + ms;
    while (this.#session === undefined && !this.#stop.signal.aborted && Date.now() < end) await pause(20, { signal: this.#stop.signal });
  }

  /** Makes a network that all engines agree upon: `choose` is told of all that there are, again where another engine was faster. Others see it when it is confirmed. */
  async reserve(choose: (networks: readonly SharedNetwork[]) => Promise<SharedNetwork>): Promise<SharedNetwork> {
    const { keys } = this.needs;
    return this.#ask(async ({ store, lease, self }) => {
      for (;;) {
        const [guard] = (await store.list(keys.guard)).entries;
        const { entries } = await store.list(keys.network(''));
        const chosen = await choose(entries.map(({ value }) => JSON.parse(value) as SharedNetwork));
        const conditions: Condition[] = [{ key: keys.guard, revision: guard?.revision ?? 0n }];
        const changes: Change[] = [
          { put: keys.network(chosen.id), value: JSON.stringify({ ...chosen, pending: self.id }), leased: true },
          { put: keys.guard, value: chosen.id, leased: false },
        ];
        if (await store.commit(conditions, changes, lease)) return chosen;
      }
    });
  }

  /** From now on others see the network, and it stays without this engine. */
  async confirm(network: SharedNetwork): Promise<void> {
    const { keys } = this.needs;
    await this.#ask(({ store }) => store.commit([], [{ put: keys.network(network.id), value: JSON.stringify(network), leased: false }]));
  }

  /** Makes what the network's keys are made of, unless there is something already. */
  async ensureSecret(network: string, secret: string): Promise<void> {
    const { keys } = this.needs;
    const unless = [
      { key: keys.network(network), is: 'there' },
      { key: keys.secret(network), is: 'absent' },
    ] as const;
    await this.#ask(({ store }) => store.commit(unless, [{ put: keys.secret(network), value: secret, leased: false }]));
  }

  /** Takes a network away from all engines. False while one has endpoints on it. */
  async drop(id: string): Promise<boolean> {
    const { keys } = this.needs;
    return this.#ask(async ({ store }) => {
      await this.#left();
      const unused: Condition[] = [
        { prefix: keys.endpointsOf(id), is: 'empty' },
        { prefix: keys.addressesOf(id), is: 'empty' },
      ];
      return store.commit(unused, [{ drop: keys.network(id) }, { drop: keys.secret(id) }, { put: keys.guard, value: id, leased: false }]);
    });
  }

  /** Whether the store has the network, and not only had it when it was last heard of. */
  async has(id: string): Promise<boolean> {
    const { keys } = this.needs;
    return this.#ask(async ({ store }) => (await store.list(keys.network(id))).entries.length > 0);
  }

  /** Takes addresses of a network for this engine, all or none. */
  async claim(network: string, addresses: readonly string[]): Promise<'claimed' | 'taken' | 'no network'> {
    const { keys } = this.needs;
    return this.#ask(async ({ store, lease, self }) => {
      await this.#left();
      const conditions: Condition[] = [
        { key: keys.network(network), is: 'there' },
        ...addresses.map((address) => ({ key: keys.address(network, address), is: 'absent' }) as const),
      ];
      for (const address of addresses) this.#claimed.add(keys.address(network, address));
      const changes = addresses.map((address) => this.#claimOf(network, address, self));
      try {
        if (await store.commit(conditions, changes, lease)) return 'claimed';
      } catch (error) {
        this.unclaim(network, addresses); // it may have happened
        throw error;
      }
      for (const address of addresses) this.#claimed.delete(keys.address(network, address));
      return (await store.list(keys.network(network))).entries.length > 0 ? 'taken' : 'no network';
    });
  }

  /** Gives addresses back. Never throws: what the store does not hear now it hears with the next session. */
  unclaim(network: string, addresses: readonly string[]): void {
    const dropped = addresses.map((address) => this.needs.keys.address(network, address));
    for (const key of dropped) this.#claimed.delete(key);
    this.#leave(dropped);
  }

  /** Tells others of an endpoint, or of what is new of it. */
  async announce(endpoint: EndpointRecord): Promise<void> {
    await this.#ask(async ({ store, lease, self }) => store.commit([], [this.#announcement(endpoint, self)], lease));
  }

  /** Others forget the endpoint. Never throws. */
  withdraw({ networkId, id }: Pick<EndpointRecord, 'networkId' | 'id'>): void {
    this.#leave([this.needs.keys.endpoint(networkId, id)]);
  }

  /** Tells others how packets of this engine on a network are encrypted. */
  async tellMember(member: SharedMember): Promise<void> {
    const put = this.needs.keys.member(member.networkId, member.engine);
    await this.#ask(({ store, lease }) => store.commit([], [{ put, value: JSON.stringify(member), leased: true }], lease));
  }

  /** This engine has nothing on the network any more. Never throws. */
  withdrawMember(network: string): void {
    this.#leave([this.needs.keys.member(network, this.id)]);
  }

  /** This engine is forgotten at once. */
  async resign(): Promise<void> {
    await this.#ask(async ({ store, lease }) => store.revoke(lease));
  }

  #leave(keys: readonly string[]): void {
    const session = this.#session;
    if (session === undefined || keys.length === 0) return;
    const leaving = session.store
      .commit(
        [],
        keys.map((drop) => ({ drop })),
      )
      .then(() => undefined)
      .catch((error: unknown) => this.needs.logger.debug({ err: error }, 'the shared store hears later that something is gone'))
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  async #left(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  async #ask<T>(task: (session: Session) => Promise<T>): Promise<T> {
    // At the start of the host engine and store come up together: whoever starts containers then waits a moment.
    if (!this.#informed) await this.settled(FIRST_MS);
    const session = this.#session;
    if (session === undefined) throw this.#away(this.#failure);
    try {
      return await task(session);
    } catch (error) {
      if (isStoreError(error)) throw this.#away(errorText(error), error);
      throw error;
    }
  }

  #away(why: string, cause?: unknown): GantryError {
    return failedPrecondition(`the store of overlay networks cannot be asked: ${why}`, cause === undefined ? {} : { cause });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { logger } = this.needs;
    let waitMs: number = RETRY.firstMs;
    for (let attempt = 0; !signal.aborted; attempt++) {
      let store: SharedStore | undefined;
      try {
        store = await this.needs.open(attempt);
        await this.#live(store, () => {
          waitMs = RETRY.firstMs;
          logger.info({ store: store?.name }, 'in touch with the store of overlay networks');
        });
      } catch (error) {
        const text = `${store?.name ?? 'it cannot be called'}: ${errorText(error)}`;
        if (!signal.aborted && (this.#session !== undefined || attempt === 0))
          logger.warn({ err: error }, `the store of overlay networks is away; what runs goes on (${text})`);
        this.#failure = text;
      } finally {
        this.#session = undefined;
        store?.close();
      }
      await pause(waitMs, { signal, ref: false });
      waitMs = Math.min(2 * waitMs, RETRY.mostMs);
    }
  }

  async #live(store: SharedStore, began: () => void): Promise<void> {
    const { keys, changed } = this.needs;
    const self = await this.needs.self();
    const lease = await this.#lease(store);
    const session = { store, lease, self };
    const { entries, revision } = await store.list(keys.prefix);
    const first = this.view.replace(entries);
    await this.#tellAll(session);
    this.#session = session;
    this.#informed = true;
    began();
    changed({ ...first, all: true });
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stop.signal]);
    const tell = (news: Parameters<View['apply']>[0]): void => changed({ ...this.view.apply(news), all: false });
    try {
      await Promise.race([store.watch(keys.prefix, revision, { tell, signal }), this.#keep(session, signal)]);
    } finally {
      over.abort();
    }
  }

  async #lease(store: SharedStore): Promise<bigint> {
    const { kept } = this.needs;
    const former = kept.read();
    if (former !== undefined && (await store.keep(former))) return former;
    const lease = await store.grant(this.needs.lease);
    kept.save(lease);
    return lease;
  }

  async #keep({ store, lease }: Session, signal: AbortSignal): Promise<void> {
    while (await pause((this.needs.lease * 1000) / 3, { signal, ref: false }))
      if (!(await store.keep(lease))) throw new Error('the lease ran out: others have forgotten this engine');
  }

  /** What others should know of this engine, and that they should know no more. */
  async #tellAll({ store, lease, self }: Session): Promise<void> {
    const { keys } = this.needs;
    const wanted = new Map<string, Change>([
      [keys.engine(self.id), { put: keys.engine(self.id), value: JSON.stringify(self), leased: true }],
    ]);
    for (const endpoint of this.needs.endpoints()) {
      const { networkId } = endpoint;
      const addresses = addressesOf(endpoint);
      const lost = addresses.filter((address) => ![undefined, self.id].includes(this.view.holderOf(networkId, address)));
      if (lost.length > 0) {
        const text = `${lost.join(' and ')} of ${endpoint.name} went to another engine while the shared store did not hear of this one`;
        this.needs.logger.error({ endpoint: endpoint.id, network: networkId }, text);
        continue;
      }
      wanted.set(keys.endpoint(networkId, endpoint.id), this.#announcement(endpoint, self));
      for (const address of addresses) wanted.set(keys.address(networkId, address), this.#claimOf(networkId, address, self));
    }
    const stale = [
      ...this.view.endpointsBy(self.id).map(({ networkId, id }) => keys.endpoint(networkId, id)),
      ...this.view.claimsBy(self.id).map(({ network, address }) => keys.address(network, address)),
    ].filter((key) => !wanted.has(key) && !this.#claimed.has(key));
    const changes: Change[] = [...wanted.values(), ...stale.map((drop) => ({ drop }))];
    for (let at = 0; at < changes.length; at += BATCH) await store.commit([], changes.slice(at, at + BATCH), lease);
  }

  #announcement(endpoint: EndpointRecord, self: SharedEngine): Change {
    const put = this.needs.keys.endpoint(endpoint.networkId, endpoint.id);
    return { put, value: JSON.stringify(shared(endpoint, self)), leased: true };
  }

  #claimOf(network: string, address: string, { id }: SharedEngine): Change {
    return { put: this.needs.keys.address(network, address), value: JSON.stringify({ engine: id }), leased: true };
  }
}

/** etcd takes 128 operations in a transaction where nothing else is configured. */
const BATCH = 100;

export const addressesOf = ({ address, ipv6 }: Pick<EndpointRecord, 'address' | 'ipv6'>): string[] =>
  [address, ipv6?.address ?? ''].filter((text) => text !== '');

/** One of gRPC: what the tasks themselves refuse is said in their words. */
const isStoreError = (error: unknown): boolean => typeof error === 'object' && error !== null && 'code' in error && 'details' in error;
