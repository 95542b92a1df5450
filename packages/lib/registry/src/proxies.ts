import { BlockList, isIP } from 'node:net';
import { invalidArgument } from '@gantry/rpc';

/** Proxies of the configuration or the environment; empty: none. */
export interface ProxySettings {
  /** URL of the proxy for http: URLs. */
  readonly http: string;
  /** URL of the proxy for https: URLs. */
  readonly https: string;
  /** What is reached directly: comma-separated hosts, `.domains`, addresses and networks, each with or without a port; `*`: everything. */
  readonly no: string;
}

/** A proxy that requests go through. */
export interface Proxy {
  /** `http:` or `https:`, host and port. */
  readonly url: URL;
  /** Value of Proxy-Authorization; undefined: the proxy asks for nothing. */
  readonly authorization: string | undefined;
}

export const noProxies: ProxySettings = { http: '', https: '', no: '' };

/** Throws invalidArgument for a proxy of a kind that is not spoken. `name` is told. */
export function parseProxyUrl(name: string, text: string): Proxy | undefined {
  if (text === '') return undefined;
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw invalidArgument(`${name}: "${maskProxy(text)}" is not the URL of an http or https proxy`);
  const { username, password } = url;
  const authorization =
    username === ''
      ? undefined
      : `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  return { url: new URL(url.origin), authorization };
}

/** The URL without its name and password, as docker info shows it. */
export const maskProxy = (text: string): string => text.replace(/^([a-z0-9]+:\/\/)?[^@/]*@/i, '$1xxxxx:xxxxx@');

export const shownProxies = ({ http, https, no }: ProxySettings): ProxySettings => ({ http: maskProxy(http), https: maskProxy(https), no });

/** Chooses for each URL as Go's http.ProxyFromEnvironment does: loopback is never reached through a proxy. */
export class Proxies {
  private readonly http: Proxy | undefined;
  private readonly https: Proxy | undefined;
  private readonly direct: readonly ((host: string, port: string) => boolean)[];

  constructor(settings: ProxySettings) {
    this.http = parseProxyUrl('http-proxy', settings.http);
    this.https = parseProxyUrl('https-proxy', settings.https);
    this.direct = settings.no
      .split(',')
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== '')
      .map(matcher);
  }

  /** The proxy for a URL; undefined: it is reached directly. */
  for(url: URL): Proxy | undefined {
    const proxy = url.protocol === 'https:' ? this.https : this.http;
    if (proxy === undefined) return undefined;
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    if (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))) return undefined;
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    return this.direct.some((matches) => matches(host, port)) ? undefined : proxy;
  }
}

/** One entry of no-proxy (golang.org/x/net/http/httpproxy): `example.com` is that name and all below it, `.example.com` and `*.example.com` only those below. */
function matcher(entry: string): (host: string, port: string) => boolean {
  if (entry === '*') return () => true;
  const network = /^(.+)\/(\d+)$/.exec(entry);
  if (network !== null && isIP(network[1] ?? '') !== 0) return inNetwork(network[1] ?? '', Number(network[2]));
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry);
  const [name, wanted] = parts === null ? [entry, undefined] : [(parts[1] ?? '').replace(/^\[|\]$/g, ''), parts[2]];
  const base = name.replace(/^\*?\./, '');
  const matches = (host: string): boolean =>
    isIP(host) !== 0 ? host === base : host.endsWith(`.${base}`) || (base === name && host === base);
  return (host, port) => (wanted === undefined || wanted === port) && matches(host);
}

function inNetwork(address: string, bits: number): (host: string) => boolean {
  const family = isIP(address);
  if (bits > (family === 4 ? 32 : 128)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  return (host) => isIP(host) === family && list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
