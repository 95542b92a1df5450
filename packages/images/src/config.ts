import { isAbsolute } from 'node:path';
import { goSize } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { FlagTable } from '@gantry/service';
import { parseProxyUrl, type ProxySettings } from '@gantry/registry';
import { defaultPlaces, type PluginPlaces } from '@gantry/service/plugins';
import { COPY, NATIVE } from './snapshots/copy';
import { SNAPSHOTTER } from './snapshots/overlay';
import { parseProxy } from './snapshots/proxy';

/** The service's own configuration keys (see deploy/config/images.yaml). */
export interface ImagesConfig {
  /** URLs that are asked before docker.io. */
  readonly 'registry-mirrors': readonly string[];
  /** host[:port] or CIDR of registries that may be spoken to over plain HTTP or with an unknown certificate; loopback always may. */
  readonly 'insecure-registries': readonly string[];
  /** Proxies to registries, as docker's daemon.json has them; what is empty comes from HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment. */
  readonly proxies: { readonly 'http-proxy': string; readonly 'https-proxy': string; readonly 'no-proxy': string };
  /** Directories with a folder for each registry: containerd's hosts.toml, or docker's .crt, .cert and .key files. The first that has one counts. */
  readonly 'registry-config-path': readonly string[];
  readonly 'max-concurrent-downloads': number;
  /** Connections over which the ranges of one large blob come at once; 1: blobs are not split. */
  readonly 'max-ranges-per-download': number;
  readonly 'max-concurrent-uploads': number;
  /** Tries of a request or a download before a pull fails. */
  readonly 'max-download-attempts': number;
  /** Bytes of file data that one layer may unpack to. */
  readonly 'max-layer-bytes': number;
  /** Entries that one layer may hold. */
  readonly 'max-layer-entries': number;
  /** The snapshotter that docker's images and containers use: overlayfs, copy (containerd's name: native), or one of proxy-snapshotters. */
  readonly snapshotter: string;
  /** Docker's word for the same; empty unless given. overlay2 and vfs mean overlayfs and copy. */
  readonly 'storage-driver': string;
  /** Bytes that each container's own layer may hold, in docker's words for sizes, where containers do not say it; 0: no bound. Of overlayfs with project quotas. */
  readonly 'container-size': string;
  /** Foreign snapshotters, NAME=SOCKET or NAME=SOCKET,REMOTE: containerd's Snapshots service at a unix socket, where it is called REMOTE. */
  readonly 'proxy-snapshotters': readonly string[];
  /** Where plugins of Docker's leave word of themselves. */
  readonly plugins: PluginPlaces;
  /** Absolute path of gantry-native; empty: beside the bundle. */
  readonly native: string;
}

export const defaults: ImagesConfig = {
  'registry-mirrors': [],
  'insecure-registries': [],
  proxies: { 'http-proxy': '', 'https-proxy': '', 'no-proxy': '' },
  'registry-config-path': ['/etc/gantry/certs.d', '/etc/docker/certs.d'],
  'max-concurrent-downloads': 3,
  'max-ranges-per-download': 4,
  'max-concurrent-uploads': 5,
  'max-download-attempts': 5,
  'max-layer-bytes': 128 * 2 ** 30,
  'max-layer-entries': 4_000_000,
  snapshotter: '',
  'storage-driver': '',
  'container-size': '0',
  'proxy-snapshotters': [],
  plugins: defaultPlaces,
  native: '',
};

export const flags: FlagTable = {
  'registry-mirrors': { type: 'list', value: 'URL', help: 'registry mirror asked before docker.io (may be repeated)' },
  'insecure-registries': { type: 'list', value: 'HOST', help: 'registry without a valid certificate (may be repeated)' },
  'registry-config-path': { type: 'list', value: 'DIR', help: 'directory with hosts.toml or certificates of registries (may be repeated)' },
  'http-proxy': {
    type: 'string',
    value: 'URL',
    key: 'proxies.http-proxy',
    help: 'proxy to registries over plain HTTP (else HTTP_PROXY of the environment)',
  },
  'https-proxy': { type: 'string', value: 'URL', key: 'proxies.https-proxy', help: 'proxy to registries over HTTPS (else HTTPS_PROXY)' },
  'no-proxy': {
    type: 'string',
    value: 'HOSTS',
    key: 'proxies.no-proxy',
    help: 'comma-separated hosts and networks that are reached directly (else NO_PROXY)',
  },
  snapshotter: { type: 'string', value: 'NAME', help: 'overlayfs (default), copy, or one of --proxy-snapshotters' },
  'storage-driver': { type: 'string', value: 'NAME', help: "docker's word for --snapshotter" },
  'container-size': { type: 'string', value: 'SIZE', help: "what a container's own layer may hold (project quotas; default 0: no bound)" },
  'proxy-snapshotters': {
    type: 'list',
    value: 'NAME=SOCKET[,REMOTE]',
    help: "snapshotter behind containerd's Snapshots service (may be repeated)",
  },
  native: { type: 'string', value: 'FILE', help: 'path of gantry-native' },
};

export function checkConfig(config: ImagesConfig): void {
  if (config.native !== '' && !isAbsolute(config.native)) throw invalidArgument(`native "${config.native}" is not an absolute path`);
  for (const mirror of config['registry-mirrors']) {
    if (!/^https?:\/\/[^/?#@]+\/?$/.test(mirror))
      throw invalidArgument(`registry-mirrors: "${mirror}" is not a URL of scheme and host only`);
  }
  for (const dir of config['registry-config-path'])
    if (!isAbsolute(dir)) throw invalidArgument(`registry-config-path: "${dir}" is not an absolute path`);
  const { http, https } = proxySettings(config);
  parseProxyUrl('http-proxy', http);
  parseProxyUrl('https-proxy', https);
  const names = new Set([SNAPSHOTTER, COPY, NATIVE]);
  for (const text of config['proxy-snapshotters']) {
    const proxy = parseProxy(text);
    if (proxy === undefined) throw invalidArgument(`proxy-snapshotters: "${text}" is not NAME=SOCKET or NAME=SOCKET,REMOTE`);
    if (names.has(proxy.name)) throw invalidArgument(`proxy-snapshotters: the name "${proxy.name}" is taken`);
    names.add(proxy.name);
  }
  if (config.snapshotter !== '' && config['storage-driver'] !== '' && config.snapshotter !== driverName(config['storage-driver'])) {
    throw invalidArgument(`snapshotter "${config.snapshotter}" and storage-driver "${config['storage-driver']}" are not the same`);
  }
  const chosen = defaultSnapshotter(config);
  if (goSize(config['container-size'], 1024) > 0 && chosen !== SNAPSHOTTER)
    throw invalidArgument(`container-size ${config['container-size']}: only overlayfs has sizes, not ${chosen}`);
  if (!names.has(chosen)) throw invalidArgument(`snapshotter "${chosen}" is none of ${[...names].join(', ')}`);
  for (const key of [
    'max-concurrent-downloads',
    'max-ranges-per-download',
    'max-concurrent-uploads',
    'max-download-attempts',
    'max-layer-bytes',
    'max-layer-entries',
  ] as const) {
    if (!Number.isSafeInteger(config[key]) || config[key] < 1)
      throw invalidArgument(`${key} ${config[key]} is not a positive whole number`);
  }
}

/** The configured proxies, else those of the environment: the upper-case name before the lower-case one, as Go's programs read them. */
export function proxySettings({ proxies }: Pick<ImagesConfig, 'proxies'>, env: NodeJS.ProcessEnv = process.env): ProxySettings {
  const of = (name: 'http' | 'https' | 'no'): string =>
    proxies[`${name}-proxy`] || env[`${name.toUpperCase()}_PROXY`] || env[`${name}_proxy`] || '';
  return { http: of('http'), https: of('https'), no: of('no') };
}

/** For `gantry-images artifact --username`. */
export const readRegistryPassword = (env: NodeJS.ProcessEnv = process.env): string => env['GANTRY_REGISTRY_PASSWORD'] ?? '';

const driverName = (name: string): string => ({ overlay2: SNAPSHOTTER, vfs: COPY, native: COPY })[name] ?? name;

/** The snapshotter that an empty name means. */
export function defaultSnapshotter(config: Pick<ImagesConfig, 'snapshotter' | 'storage-driver'>): string {
  return config.snapshotter === ''
    ? config['storage-driver'] === ''
      ? SNAPSHOTTER
      : driverName(config['storage-driver'])
    : config.snapshotter;
}
