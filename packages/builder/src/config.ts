import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { parseProxyUrl, type ProxySettings } from '@gantry/registry';
import { invalidArgument, parseGoDuration } from '@gantry/rpc';
import type { CommonConfig, FlagTable } from '@gantry/service';
import type { Addresses } from './worker/services';

/** Set by the build. */
export const version = process.env['GANTRY_VERSION'] ?? '0.0.0';
export const revision = process.env['GANTRY_COMMIT'] ?? '';

/** One rule of the garbage collection, as BuildKit's. Sizes are written `512MB` or `20%` of the disk, times `48h`. */
export interface GcRule {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly 'keep-duration'?: string;
  readonly 'reserved-space'?: string;
  readonly 'max-used-space'?: string;
  readonly 'min-free-space'?: string;
}

/** Keys of build.yaml beside the common ones. */
export interface BuilderConfig {
  /** Socket of containerd; empty: our supervisor's. */
  readonly 'containerd-address': string;
  /** Socket of content, images, snapshots, diffs, leases and transfers; empty: images.sock beside our supervisor, else the same as containerd's. */
  readonly 'images-address': string;
  readonly 'network-address': string;
  /** Namespace of images, content, snapshots and leases: the engine's. */
  readonly namespace: string;
  /** Namespace of gantry-cri, whose images FROM takes without a pull where the engine has none of that name; empty: it does not. */
  readonly 'cri-namespace': string;
  /** Namespace of the containers and tasks of steps. */
  readonly 'steps-namespace': string;
  readonly snapshotter: string;
  /** Runtime of steps, as containerd names it; empty: the default of the containerd that is used. */
  readonly runtime: string;
  readonly gc: {
    readonly enabled: boolean;
    /** What the default rules keep, use at most and leave free; all empty: 10, 80 and 20 % of the disk. */
    readonly 'reserved-space': string;
    readonly 'max-used-space': string;
    readonly 'min-free-space': string;
    /** In place of the default rules. */
    readonly policy: readonly GcRule[];
  };
  readonly history: { readonly 'max-age': string; readonly 'max-entries': number };
  /** What builds may ask for beyond the usual: network.host, security.insecure, device. */
  readonly 'insecure-entitlements': readonly string[];
  /** Registries, with the keys of images.yaml. */
  readonly 'registry-mirrors': readonly string[];
  readonly 'insecure-registries': readonly string[];
  readonly 'registry-config-path': readonly string[];
  readonly proxies: { readonly 'http-proxy': string; readonly 'https-proxy': string; readonly 'no-proxy': string };
  /** Steps that run at once; 0: two for each processor, and eight at least. */
  readonly 'max-parallelism': number;
  /** Resolvers, search domains and options of steps; empty: the host's. */
  readonly dns: readonly string[];
  readonly 'dns-search': readonly string[];
  readonly 'dns-opts': readonly string[];
  /** The host's resolvers. */
  readonly 'resolv-conf': string;
  /** Addresses that host-gateway stands for; none: the default bridge's. */
  readonly 'host-gateway-ip': readonly string[];
  /** There is a default bridge; false: steps that name no network have none. */
  readonly 'default-bridge': boolean;
  readonly 'cgroup-parent': string;
  /** Cgroup namespace of steps: host or private; empty: private on the unified hierarchy only. */
  readonly 'default-cgroupns-mode': string;
  /** What steps without a network of their own choice get where no network service runs (on another containerd): host or none. */
  readonly 'network-without-service': 'host' | 'none';
  /** Folders of the descriptions of devices (CDI). */
  readonly 'cdi-spec-dirs': readonly string[];
  /** Labels of the worker, key=value. */
  readonly labels: readonly string[];
  /** HOST:PORT, also as tcp://HOST:PORT, where BuildKit's protocol is served beside the socket, e.g. for buildx's remote driver. */
  readonly addresses: readonly string[];
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
  /** Absolute path of gantry-native; empty: beside the bundle. */
  readonly native: string;
}

export const defaults: BuilderConfig = {
  'containerd-address': '',
  'images-address': '',
  'network-address': '',
  namespace: 'gantry',
  'cri-namespace': 'k8s.io',
  'steps-namespace': 'buildkit',
  snapshotter: 'overlayfs',
  runtime: '',
  gc: { enabled: true, 'reserved-space': '', 'max-used-space': '', 'min-free-space': '', policy: [] },
  history: { 'max-age': '48h', 'max-entries': 50 },
  'insecure-entitlements': ['network.host'],
  'registry-mirrors': [],
  'insecure-registries': [],
  'registry-config-path': ['/etc/gantry/certs.d', '/etc/docker/certs.d'],
  proxies: { 'http-proxy': '', 'https-proxy': '', 'no-proxy': '' },
  'max-parallelism': 0,
  dns: [],
  'dns-search': [],
  'dns-opts': [],
  'resolv-conf': '/etc/resolv.conf',
  'host-gateway-ip': [],
  'default-bridge': true,
  'cgroup-parent': '',
  'default-cgroupns-mode': '',
  'network-without-service': 'none',
  'cdi-spec-dirs': ['/etc/cdi', '/var/run/cdi'],
  labels: [],
  addresses: [],
  tlscacert: '',
  tlscert: '',
  tlskey: '',
  native: '',
};

export const flags: FlagTable = {
  'containerd-address': { type: 'string', value: 'SOCKET', help: 'containerd that is built on (default RUN/supervisor.sock)' },
  'images-address': {
    type: 'string',
    value: 'SOCKET',
    help: 'content, images, snapshots (default RUN/images.sock, or the containerd named)',
  },
  'network-address': { type: 'string', value: 'SOCKET', help: 'networks of steps (default RUN/network.sock)' },
  namespace: { type: 'string', value: 'NAME', help: 'containerd namespace of images and snapshots (default gantry)' },
  snapshotter: { type: 'string', value: 'NAME', help: 'snapshotter of all trees (default overlayfs)' },
  'insecure-entitlements': { type: 'list', value: 'NAME', help: 'network.host, security.insecure or device (may be repeated)' },
  address: { type: 'list', value: 'HOST:PORT', key: 'addresses', help: "where BuildKit's protocol is served beside the socket" },
  tlscacert: { type: 'string', value: 'FILE', help: "authority of the clients' certificates (PEM)" },
  tlscert: { type: 'string', value: 'FILE', help: "the server's certificate (PEM)" },
  tlskey: { type: 'string', value: 'FILE', help: "the server's key (PEM)" },
};

/** The proxies of the configuration, else the environment's. */
export function proxySettings({ proxies }: Pick<BuilderConfig, 'proxies'>, env: NodeJS.ProcessEnv = process.env): ProxySettings {
  const of = (name: 'http' | 'https' | 'no'): string =>
    proxies[`${name}-proxy`] || env[`${name.toUpperCase()}_PROXY`] || env[`${name}_proxy`] || '';
  return { http: of('http'), https: of('https'), no: of('no') };
}

export const ENTITLEMENTS = ['network.host', 'security.insecure', 'device'] as const;
const NAME = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;
const GC_KEYS = ['all', 'filter', 'keep-duration', 'reserved-space', 'max-used-space', 'min-free-space'];

/** Refuses values that have the right type and make no sense. */
export function checkConfig(config: CommonConfig & BuilderConfig): void {
  for (const key of ['containerd-address', 'images-address', 'network-address', 'native'] as const)
    if (config[key] !== '' && !isAbsolute(config[key])) throw invalidArgument(`${key} "${config[key]}" is not an absolute path`);
  for (const key of ['namespace', 'steps-namespace'] as const)
    if (!NAME.test(config[key])) throw invalidArgument(`${key} "${config[key]}" is not a valid name`);
  const { http, https } = proxySettings(config);
  parseProxyUrl('http-proxy', http);
  parseProxyUrl('https-proxy', https);
  if (config['cri-namespace'] !== '' && !NAME.test(config['cri-namespace']))
    throw invalidArgument(`cri-namespace "${config['cri-namespace']}" is not a valid name`);
  if (config.snapshotter === '') throw invalidArgument('snapshotter must be named');
  for (const name of config['insecure-entitlements'])
    if (!(ENTITLEMENTS as readonly string[]).includes(name))
      throw invalidArgument(`insecure-entitlements: "${name}" is none of ${ENTITLEMENTS.join(', ')}`);
  if (!Number.isSafeInteger(config['max-parallelism']) || config['max-parallelism'] < 0)
    throw invalidArgument(`max-parallelism ${config['max-parallelism']} is not a whole number of zero or more`);
  if (!['host', 'none'].includes(config['network-without-service']))
    throw invalidArgument(`network-without-service "${config['network-without-service']}" is neither host nor none`);
  if (!['', 'host', 'private'].includes(config['default-cgroupns-mode']))
    throw invalidArgument(`default-cgroupns-mode "${config['default-cgroupns-mode']}" is neither host nor private`);
  for (const path of config['cdi-spec-dirs'])
    if (!isAbsolute(path)) throw invalidArgument(`cdi-spec-dirs: "${path}" is not an absolute path`);
  if (parseGoDuration(config.history['max-age']) === undefined)
    throw invalidArgument(`history.max-age "${config.history['max-age']}" is not a duration such as 48h`);
  if (!Number.isSafeInteger(config.history['max-entries']) || config.history['max-entries'] < 0)
    throw invalidArgument(`history.max-entries ${config.history['max-entries']} is not a whole number of zero or more`);
  for (const rule of config.gc.policy)
    for (const key of Object.keys(rule)) if (!GC_KEYS.includes(key)) throw invalidArgument(`gc.policy: unknown key "${key}"`);
  for (const label of config.labels) if (!/^[^=]+=/.test(label)) throw invalidArgument(`labels: "${label}" is not key=value`);
  for (const address of tcpAddresses(config)) checkAddress(config, address);
}

function checkAddress(config: BuilderConfig, address: string): void {
  const { host, port } = splitAddress(address);
  if (host === '' || host.includes('/') || !(Number.isInteger(port) && port >= 0 && port < 65536))
    throw invalidArgument(`addresses: "${address}" is not HOST:PORT`);
  const tls = [config.tlscacert, config.tlscert, config.tlskey];
  if (tls.some((file) => file !== '') && tls.some((file) => file === '')) throw invalidArgument('TLS needs tlscacert, tlscert and tlskey');
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (!loopback && tls[0] === '')
    throw invalidArgument(`address ${address} is open to the network: it needs tlscacert, tlscert and tlskey`);
}

/** Addresses as HOST:PORT, by which held sockets know them. */
export const tcpAddresses = ({ addresses }: Pick<BuilderConfig, 'addresses'>): string[] =>
  addresses.map((address) => address.replace(/^tcp:\/\//, ''));

export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const port = address.slice(colon + 1);
  return { host: address.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1'), port: /^[0-9]+$/.test(port) ? Number(port) : NaN };
}

/** What the TCP listeners show and ask for; undefined: plain. */
export function tlsOptions(config: BuilderConfig): { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } | undefined {
  if (config.tlscert === '') return undefined;
  return { ca: readFileSync(config.tlscacert), cert: readFileSync(config.tlscert), key: readFileSync(config.tlskey) };
}

/** What caches in other places find in the environment: credentials and regions of their services. */
export const cacheEnvironment = (): Readonly<Record<string, string | undefined>> => process.env;

/** How long records of builds stay. */
export function historyKeep({ history }: BuilderConfig): { readonly entries: number; readonly ageMs: number } {
  return { entries: history['max-entries'], ageMs: parseGoDuration(history['max-age']) ?? 0 };
}

/** Where the services below are. */
export function addressesOf(config: BuilderConfig, run: string): Addresses {
  const containerd = config['containerd-address'] || join(run, 'supervisor.sock');
  const images = config['images-address'] || (config['containerd-address'] === '' ? join(run, 'images.sock') : containerd);
  return { containerd, images, network: config['network-address'] || join(run, 'network.sock') };
}
