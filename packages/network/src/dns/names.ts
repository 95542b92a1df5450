import { formatAddress } from '../address/cidr';
import type { EndpointRecord, NetworkRecord } from '../store/record';

/** What names are looked up in: the store. */
export interface NameSource {
  network(id: string): NetworkRecord | undefined;
  endpointsOfNetwork(id: string): EndpointRecord[];
  endpointsOfSandbox(id: string): EndpointRecord[];
}

const SHORT_ID = 12;

/** Every name that resolves to the endpoint: container name, aliases, short id, hostname; each once. */
export function namesOf(endpoint: EndpointRecord): string[] {
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
export function addressesOf(source: NameSource, sandboxId: string, name: string): string[] | undefined {
  const found: string[] = [];
  for (const { own, network } of networksOf(source, sandboxId)) {
    const linked = Object.entries(own.links).find(([alias]) => alias.toLowerCase() === name)?.[1];
    const suffix = `.${network.name.toLowerCase()}`;
    const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    for (const endpoint of source.endpointsOfNetwork(network.id)) {
      const named = namesOf(endpoint).some(
        (candidate) => candidate.toLowerCase() === short || candidate.toLowerCase() === linked?.toLowerCase(),
      );
      if ((named || endpoint.sandboxId === linked) && endpoint.address !== '') found.push(endpoint.address);
    }
  }
  return found.length === 0 ? undefined : [...new Set(found)];
}

/** `container.network` of an address in one of the sandbox's networks. */
export function nameOfAddress(source: NameSource, sandboxId: string, address: string): string | undefined {
  for (const { network } of networksOf(source, sandboxId)) {
    const endpoint = source.endpointsOfNetwork(network.id).find((candidate) => candidate.address === address);
    if (endpoint !== undefined) return `${endpoint.name}.${network.name}`;
  }
  return undefined;
}

/** The address in `4.3.2.1.in-addr.arpa`; undefined for any other name. */
export function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number).reverse();
  return parts.some((part) => part > 255) ? undefined : formatAddress(parts.reduce((value, part) => value * 256 + part, 0));
}

/** True when no network of the sandbox leads outside: then no query may leave either. */
export function isCutOff(source: NameSource, sandboxId: string): boolean {
  return source.endpointsOfSandbox(sandboxId).every((endpoint) => source.network(endpoint.networkId)?.internal !== false);
}
