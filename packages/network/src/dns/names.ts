import { type Address, isSame, parseAddress } from '../address/cidr';
import type { EndpointRecord, NetworkRecord } from '../store/record';

/** What names are looked up in: the store. */
export interface NameSource {
  network(id: string): NetworkRecord | undefined;
  /** Those of other engines included. */
  endpointsOfNetwork(id: string): NamedEndpoint[];
  endpointsOfSandbox(id: string): EndpointRecord[];
}

/** What has names. */
export type NamedEndpoint = Pick<EndpointRecord, 'name' | 'aliases' | 'sandboxId' | 'hostname' | 'address' | 'ipv6'>;

const SHORT_ID = 12;

/** Every name that resolves to the endpoint: container name, aliases, short id, hostname; each once. */
export function namesOf(endpoint: NamedEndpoint): string[] {
  return [
    ...new Set(
      [endpoint.name, ...endpoint.aliases, endpoint.sandboxId.slice(0, SHORT_ID), endpoint.hostname].filter((name) => name !== ''),
    ),
  ];
}

/** The networks in which a sandbox sees names: the user-defined ones that it is connected to. */
function networksOf(source: NameSource, sandboxId: string): { own: EndpointRecord; network: NetworkRecord }[] {
  return source.endpointsOfSandbox(sandboxId).flatMap((own) => {
    const network = source.network(own.networkId);
    return network === undefined || network.predefined ? [] : [{ own, network }];
  });
}

/**
 * Addresses of a name as a sandbox sees it: its links, then names in its networks, also written `name.network`. Undefined when nobody has
 * the name.
 */
export function addressesOf(source: NameSource, sandboxId: string, name: string): Address[] | undefined {
  const found: Address[] = [];
  for (const { own, network } of networksOf(source, sandboxId)) {
    const linked = Object.entries(own.links).find(([alias]) => alias.toLowerCase() === name)?.[1];
    const suffix = `.${network.name.toLowerCase()}`;
    const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    for (const endpoint of source.endpointsOfNetwork(network.id)) {
      const named = namesOf(endpoint).some(
        (candidate) => candidate.toLowerCase() === short || candidate.toLowerCase() === linked?.toLowerCase(),
      );
      if (named || endpoint.sandboxId === linked) found.push(...addressesOfEndpoint(endpoint));
    }
  }
  const once = found.filter((address, at) => found.findIndex((other) => isSame(other, address)) === at);
  return once.length === 0 ? undefined : once;
}

/** `container.network` of an address in one of the sandbox's networks. */
export function nameOfAddress(source: NameSource, sandboxId: string, address: Address): string | undefined {
  for (const { network } of networksOf(source, sandboxId)) {
    const endpoint = source
      .endpointsOfNetwork(network.id)
      .find((candidate) => addressesOfEndpoint(candidate).some((own) => isSame(own, address)));
    if (endpoint !== undefined) return `${endpoint.name}.${network.name}`;
  }
  return undefined;
}

const addressesOfEndpoint = ({ address, ipv6 }: NamedEndpoint): Address[] =>
  [address, ipv6?.address ?? ''].flatMap((text) => parseAddress(text) ?? []);

const NIBBLES = 32;

/** The address in `4.3.2.1.in-addr.arpa`, or in one of `ip6.arpa` with a digit for each label; undefined for any other name. */
export function addressOfReverseName(name: string): Address | undefined {
  const quad = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name)?.[1];
  if (quad !== undefined) return parseAddress(quad.slice(0, -1).split('.').map(Number).reverse().join('.'));
  const digits = /^((?:[0-9a-f]\.)+)ip6\.arpa$/.exec(name)?.[1]?.replaceAll('.', '') ?? '';
  return digits.length === NIBBLES ? { family: 6, value: BigInt(`0x${[...digits].reverse().join('')}`) } : undefined;
}

/** True when no network of the sandbox leads outside: then no query may leave either. */
export function isCutOff(source: NameSource, sandboxId: string): boolean {
  return source.endpointsOfSandbox(sandboxId).every((endpoint) => source.network(endpoint.networkId)?.internal !== false);
}
