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
): Endpoint[] {
  const host = hostOf(domain);
  const insecure = isInsecure(host, config.insecure);
  const transport: Transport = { ca: certificates.ca, clients: certificates.clients, insecure, dialTimeout: DIAL_TIMEOUT };
  const own = [endpoint(new URL(`https://${host}`), { transport })];
  if (insecure) own.push(endpoint(new URL(`http://${host}`), { transport }));
  if (domain !== DOCKER_HUB) return own;
  const mirrors = config.mirrors.map((url) => {
    const base = new URL(url);
    return endpoint(base, {
      mirror: true,
      transport: { ...plainTransport, insecure: base.protocol === 'http:' || isInsecure(base.host, config.insecure) },
    });
  });
  return [...mirrors, ...own];
}

/** Loopback always; others when configured as host, host:port or network. */
export function isInsecure(host: string, configured: readonly string[]): boolean {
  const { hostname } = new URL(`https://${host}`);
  const address = hostname.replace(/^\[|\]$/g, '');
  if (address === 'localhost' || address.endsWith('.localhost') || address === '::1' || (isIP(address) === 4 && address.startsWith('127.')))
    return true;
  return configured.some((entry) => entry === host || entry === hostname || entry === address || inNetwork(address, entry));
}

function inNetwork(address: string, entry: string): boolean {
  const [network = '', bits] = entry.split('/');
  const family = isIP(network);
  if (bits === undefined || family === 0 || isIP(address) !== family) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
