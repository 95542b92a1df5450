import { BlockList, isIP } from 'node:net';

/** One place that may serve a registry's repositories. */
export interface Endpoint {
  readonly base: URL;
  readonly mirror: boolean;
  /** Certificate not checked; plain HTTP is tried next. */
  readonly insecure: boolean;
}

export interface RegistryConfig {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
}

const DOCKER_HUB = 'docker.io';

/** Where a domain is asked, in order: mirrors (Docker Hub only), HTTPS, and plain HTTP where that is allowed. */
export function endpointsOf(domain: string, config: RegistryConfig): Endpoint[] {
  const host = domain === DOCKER_HUB ? 'registry-1.docker.io' : domain;
  const insecure = isInsecure(host, config.insecure);
  const own: Endpoint[] = [{ base: new URL(`https://${host}`), mirror: false, insecure }];
  if (insecure) own.push({ base: new URL(`http://${host}`), mirror: false, insecure });
  if (domain !== DOCKER_HUB) return own;
  const mirrors = config.mirrors.map((url): Endpoint => {
    const base = new URL(url);
    return { base, mirror: true, insecure: base.protocol === 'http:' || isInsecure(base.host, config.insecure) };
  });
  return [...mirrors, ...own];
}

/** Loopback always; others when configured as host, host:port or network. */
export function isInsecure(host: string, configured: readonly string[]): boolean {
  const { hostname } = new URL(`https://${host}`);
  const address = hostname.replace(/^\[|\]$/g, '');
  if (address === 'localhost' || address.endsWith('.localhost') || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))) return true;
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
