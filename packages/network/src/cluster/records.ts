import type { EndpointRecord, NetworkRecord } from '../store/record';

/** A network as all engines have it. */
export type SharedNetwork = Omit<NetworkRecord, 'device' | 'predefined' | 'configOnly'> & {
  readonly vni: number;
  /** It is about to be made by this engine, and not there yet. */
  readonly pending?: string;
};

/** An endpoint as other engines have to know it: how it is reached, and by which names. */
export type SharedEndpoint = Pick<
  EndpointRecord,
  'id' | 'networkId' | 'sandboxId' | 'name' | 'hostname' | 'aliases' | 'mac' | 'address' | 'ipv6'
> & {
  /** Whose it is. */
  readonly engine: string;
  /** By which address its engine is reached. */
  readonly at: string;
};

export interface SharedEngine {
  readonly id: string;
  readonly name: string;
  readonly at: string;
}

/**
 * An engine with endpoints on a network that is encrypted. Of each other engine it says by which state (SPI, eight hex digits) it takes packets of it, and by which it
 * sends.
 */
export interface SharedMember {
  readonly networkId: string;
  readonly engine: string;
  readonly at: string;
  /** 32 bytes, hex; a part of all its keys, and none by itself. */
  readonly salt: string;
  /** By engine. */
  readonly receives: Readonly<Record<string, string>>;
  readonly sends: Readonly<Record<string, string>>;
}

/** Who has an address. */
export interface Claim {
  readonly engine: string;
}

/** What a key is about. */
export type Subject =
  | { readonly kind: 'network' | 'engine' | 'secret'; readonly id: string }
  | { readonly kind: 'endpoint' | 'address' | 'member'; readonly network: string; readonly id: string };

/** The keys of engines' networks, below one prefix. What has no lease: networks, their secrets, and `guard`, which every change of their list changes. */
export class Keys {
  constructor(readonly prefix: string) {}

  get guard(): string {
    return `${this.prefix}guard`;
  }

  network(id: string): string {
    return `${this.prefix}networks/${id}`;
  }

  /** What a network's keys are made of; not in its record, which people are shown. */
  secret(network: string): string {
    return `${this.prefix}secrets/${network}`;
  }

  member(network: string, engine: string): string {
    return `${this.prefix}members/${network}/${engine}`;
  }

  engine(id: string): string {
    return `${this.prefix}engines/${id}`;
  }

  endpointsOf(network: string): string {
    return `${this.prefix}endpoints/${network}/`;
  }

  endpoint(network: string, id: string): string {
    return `${this.endpointsOf(network)}${id}`;
  }

  addressesOf(network: string): string {
    return `${this.prefix}addresses/${network}/`;
  }

  address(network: string, address: string): string {
    return `${this.addressesOf(network)}${address}`;
  }

  /** Undefined for what is not ours. */
  read(key: string): Subject | undefined {
    const [what = '', first = '', second = '', more] = key.slice(this.prefix.length).split('/');
    if (!key.startsWith(this.prefix) || more !== undefined || first === '') return undefined;
    if (what === 'networks' && second === '') return { kind: 'network', id: first };
    if (what === 'engines' && second === '') return { kind: 'engine', id: first };
    if (what === 'secrets' && second === '') return { kind: 'secret', id: first };
    if (what === 'members' && second !== '') return { kind: 'member', network: first, id: second };
    if (what === 'endpoints' && second !== '') return { kind: 'endpoint', network: first, id: second };
    if (what === 'addresses' && second !== '') return { kind: 'address', network: first, id: second };
    return undefined;
  }
}

/** What an engine tells the others of an endpoint. */
export const shared = (
  { id, networkId, sandboxId, name, hostname, aliases, mac, address, ipv6 }: EndpointRecord,
  { id: engine, at }: SharedEngine,
): SharedEndpoint => ({
  id,
  networkId,
  sandboxId,
  name,
  hostname,
  aliases,
  mac,
  address,
  ...(ipv6 === undefined ? {} : { ipv6 }),
  engine,
  at,
});
