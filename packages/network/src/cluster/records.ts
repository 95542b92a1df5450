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

/** Who has an address. */
export interface Claim {
  readonly engine: string;
}

/** What a key is about. */
export type Subject =
  | { readonly kind: 'network' | 'engine'; readonly id: string }
  | { readonly kind: 'endpoint' | 'address'; readonly network: string; readonly id: string };

/** The keys of engines' networks, below one prefix. What has no lease: networks, and `guard`, which every change of their list changes. */
export class Keys {
  constructor(readonly prefix: string) {}

  get guard(): string {
    return `${this.prefix}guard`;
  }

  network(id: string): string {
    return `${this.prefix}networks/${id}`;
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
