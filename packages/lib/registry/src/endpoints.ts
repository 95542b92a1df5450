import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { DIAL_TIMEOUT, plainTransport, type Transport } from './transport';

export type Capability = 'pull' | 'resolve' | 'push';
export const EVERYTHING: ReadonlySet<Capability> = new Set<Capability>(['pull', 'resolve', 'push']);

/** One place that may serve a registry's repositories. */
export interface Endpoint {
  readonly base: URL;
  /** Path of the API at that host, `/v2` unless configured otherwise. */
  readonly api: string;
  /** Not the host that the reference names: it gets none of that host's credentials. */
  readonly mirror: boolean;
  readonly transport: Transport;
  /** Sent with every request to this host, and to no other. */
  readonly headers: Readonly<Record<string, string>>;
  readonly capabilities: ReadonlySet<Capability>;
  /** Sent to mirrors that serve several registries (`ns` of containerd); empty: not sent. */
  readonly namespace: string;
}

export interface RegistryConfig {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
}

const DOCKER_HUB = 'docker.io';

/** The host behind a reference's domain. */
export const hostOf = (domain: string): string => (domain === DOCKER_HUB ? 'registry-1.docker.io' : domain);

export function endpoint(base: URL, change: Partial<Omit<Endpoint, 'base'>> = {}): Endpoint {
  return { base, api: '/v2', mirror: false, transport: plainTransport, headers: {}, capabilities: EVERYTHING, namespace: '', ...change };
}

/** Where a domain without a file of its own is asked, in order: mirrors (Docker Hub only), HTTPS, and plain HTTP where that is allowed. */
export function endpointsOf(
  domain: string,
  config: RegistryConfig,
  certificates: Pick<Transport, 'ca' | 'clients'> = plainTransport,
  addresses: Addresses = new Map(),
): Endpoint[] {
  const host = hostOf(domain);
  const insecure = isInsecure(host, config.insecure, addresses.get(host));
  const transport: Transport = { ca: certificates.ca, clients: certificates.clients, insecure, dialTimeout: DIAL_TIMEOUT };
  const own = [endpoint(new URL(`https://${host}`), { transport })];
  if (insecure) own.push(endpoint(new URL(`http://${host}`), { transport }));
  if (domain !== DOCKER_HUB) return own;
  const mirrors = config.mirrors.map((url) => {
    const base = new URL(url);
    return endpoint(base, {
      mirror: true,
      transport: {
        ...plainTransport,
        insecure: base.protocol === 'http:' || isInsecure(base.host, config.insecure, addresses.get(base.host)),
      },
    });
  });
  return [...mirrors, ...own];
}

/** Loopback always; others when configured as host, host:port or a network that it, or an address of its name, lies in. */
export function isInsecure(host: string, configured: readonly string[], addresses: readonly string[] = []): boolean {
  const { hostname } = new URL(`https://${host}`);
  const name = hostname.replace(/^\[|\]$/g, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  const networks = [...LOOPBACK, ...configured];
  return (
    configured.some((entry) => entry === host || entry === hostname || entry === name) ||
    [name, ...addresses].some((address) => networks.some((entry) => inNetwork(address, entry)))
  );
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** Addresses of hosts (with their ports) that are named. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

/** Looks the names of hosts up; one that is unknown has no address. The public registry's is not looked up: nothing about it is insecure. */
export async function addressesOf(hosts: readonly string[]): Promise<Addresses> {
  const named = hosts.filter(
    (host) => host !== hostOf(DOCKER_HUB) && isIP(new URL(`https://${host}`).hostname.replace(/^\[|\]$/g, '')) === 0,
  );
  const found = named.map(async (host): Promise<[string, string[]]> => {
    const answers = await lookup(new URL(`https://${host}`).hostname, { all: true }).catch(() => []);
    return [host, answers.map(({ address }) => address)];
  });
  return new Map(await Promise.all(found));
}

function inNetwork(address: string, entry: string): boolean {
  const [network = '', bits] = entry.split('/');
  const family = isIP(network);
  if (bits === undefined || family === 0 || isIP(address) !== family) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
