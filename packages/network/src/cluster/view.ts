import type { Claim, Keys, SharedEndpoint, SharedEngine, SharedMember, SharedNetwork, Subject } from './records';
import type { News } from './shared-store';

/** What changed by some news. */
export interface Changed {
  /** Networks that came, changed or went. */
  readonly networks: ReadonlySet<string>;
  /** Networks whose endpoints are others now, or what they are encrypted by. */
  readonly endpoints: ReadonlySet<string>;
}

/** What is known of the shared store: it follows the store's news. What nobody could read is as if it were not there. */
export class View {
  /** By key, as it was read. */
  #texts = new Map<string, string>();
  readonly #networks = new Map<string, SharedNetwork>();
  readonly #engines = new Map<string, SharedEngine>();
  readonly #endpoints = new Map<string, Map<string, SharedEndpoint>>();
  readonly #members = new Map<string, Map<string, SharedMember>>();
  readonly #secrets = new Map<string, string>();
  readonly #claims = new Map<string, Map<string, Claim>>();

  constructor(
    private readonly keys: Keys,
    private readonly unreadable: (key: string, error: unknown) => void,
  ) {}

  /** Takes what is there now in place of all that was. */
  replace(entries: readonly News[]): Changed {
    const present = new Set(entries.map(({ key }) => key));
    const gone = [...this.#texts.keys()].filter((key) => !present.has(key)).map((key) => ({ key }));
    return this.apply([...gone, ...entries]);
  }

  apply(news: readonly News[]): Changed {
    const networks = new Set<string>();
    const endpoints = new Set<string>();
    for (const { key, value } of news) {
      const subject = this.keys.read(key);
      if (subject === undefined || this.#texts.get(key) === value) continue;
      if (value === undefined) this.#texts.delete(key);
      else this.#texts.set(key, value);
      // a secret is no JSON: what cannot be read is told of in parts
      this.#put(subject, subject.kind === 'secret' ? value : this.#parse(key, value));
      if (subject.kind === 'network') networks.add(subject.id);
      if (subject.kind === 'endpoint' || subject.kind === 'member') endpoints.add(subject.network);
      if (subject.kind === 'secret') endpoints.add(subject.id);
    }
    return { networks, endpoints };
  }

  networks(): SharedNetwork[] {
    return [...this.#networks.values()];
  }

  network(id: string): SharedNetwork | undefined {
    return this.#networks.get(id);
  }

  engine(id: string): SharedEngine | undefined {
    return this.#engines.get(id);
  }

  endpointsOf(network: string): SharedEndpoint[] {
    return [...(this.#endpoints.get(network)?.values() ?? [])];
  }

  /** What the keys of a network are made of; undefined: there is nothing, or it is not known yet. */
  secret(network: string): string | undefined {
    return this.#secrets.get(network);
  }

  /** Engines that have endpoints on a network that is encrypted. */
  membersOf(network: string): SharedMember[] {
    return [...(this.#members.get(network)?.values() ?? [])];
  }

  /** All endpoints of an engine. */
  endpointsBy(engine: string): SharedEndpoint[] {
    return [...this.#endpoints.values()].flatMap((of) => [...of.values()].filter((endpoint) => endpoint.engine === engine));
  }

  /** Addresses of a network that somebody has. */
  addressesOf(network: string): string[] {
    return [...(this.#claims.get(network)?.keys() ?? [])];
  }

  /** The engine that has an address. */
  holderOf(network: string, address: string): string | undefined {
    return this.#claims.get(network)?.get(address)?.engine;
  }

  /** All addresses of an engine. */
  claimsBy(engine: string): { readonly network: string; readonly address: string }[] {
    return [...this.#claims].flatMap(([network, of]) =>
      [...of].flatMap(([address, claim]) => (claim.engine === engine ? [{ network, address }] : [])),
    );
  }

  #parse(key: string, text: string | undefined): unknown {
    try {
      return text === undefined ? undefined : JSON.parse(text);
    } catch (error) {
      this.unreadable(key, error);
      return undefined;
    }
  }

  #put(subject: Subject, value: unknown): void {
    switch (subject.kind) {
      case 'network':
        return set(this.#networks, subject.id, value as SharedNetwork | undefined);
      case 'engine':
        return set(this.#engines, subject.id, value as SharedEngine | undefined);
      case 'secret':
        return set(this.#secrets, subject.id, value as string | undefined);
      case 'member':
        return setIn(this.#members, subject, value as SharedMember | undefined);
      case 'endpoint':
        return setIn(this.#endpoints, subject, value as SharedEndpoint | undefined);
      case 'address':
        return setIn(this.#claims, subject, value as Claim | undefined);
    }
  }
}

function set<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}

function setIn<T>(map: Map<string, Map<string, T>>, at: { readonly network: string; readonly id: string }, value: T | undefined): void {
  const inner = map.get(at.network) ?? new Map<string, T>();
  set(inner, at.id, value);
  if (inner.size === 0) map.delete(at.network);
  else map.set(at.network, inner);
}
