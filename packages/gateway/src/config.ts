import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkMinVersion, MIN_API_VERSION } from '@gantry/docker-api';
import { failedPrecondition, invalidArgument, takeHeldSockets } from '@gantry/rpc';
import { defaultPlaces, type PluginPlaces } from '@gantry/service/plugins';
import { endpointOf, isLoopback, type ListenAddress, parseListenAddress } from './http/listen-address';
import type { TlsFiles } from './http/listener';

/** The gateway's own configuration keys; spelled as dockerd's. */
export interface GatewayConfig {
  /** `unix:///path`, `tcp://address:port` and `fd://` (the sockets that systemd hands over); none: RUN/docker.sock. */
  readonly hosts: readonly string[];
  /** Further sockets by name, each with the scope that supervisor.yaml gives its name: {ci: {host: unix:///run/ci.sock, group: ci}}. */
  readonly sockets: Readonly<Record<string, unknown>>;
  /** Group that may use the unix sockets. The default may be missing on a host (then root alone may), any other must exist. */
  readonly group: string;
  readonly tls: boolean;
  /** TLS, and clients must show a certificate of tlscacert. */
  readonly tlsverify: boolean;
  readonly tlscacert: string;
  readonly tlscert: string;
  readonly tlskey: string;
  /** Names beside addresses and localhost that a TCP client may call this host by (its Host header). */
  readonly 'host-names': readonly string[];
  /** Oldest version of the Engine API that clients may ask for; DOCKER_MIN_API_VERSION says it, too, as for dockerd. */
  readonly 'min-api-version': string;
  /** Seconds that requests and attached streams may go on when the gateway stops. */
  readonly 'shutdown-timeout': number;
  /** What the Docker-Experimental header says. */
  readonly experimental: boolean;
  /** What clients are told to build with: BuildKit's protocol, or the classic builder. Both are there. */
  readonly buildkit: boolean;
  /** Docker's authorization plugins, in the order in which they are asked; a SIGHUP takes them over. */
  readonly 'authorization-plugins': readonly string[];
  /** Where plugins of Docker's leave word of themselves. */
  readonly plugins: PluginPlaces;
}

const DEFAULT_GROUP = 'docker';
/** dockerd's name; a key of the file or a flag goes before it. */
const MIN_API_VARIABLE = 'DOCKER_MIN_API_VERSION';

export const defaults: GatewayConfig = {
  hosts: [],
  sockets: {},
  group: DEFAULT_GROUP,
  tls: false,
  tlsverify: false,
  tlscacert: '',
  tlscert: '',
  tlskey: '',
  'host-names': [],
  'min-api-version': process.env[MIN_API_VARIABLE] || MIN_API_VERSION,
  'shutdown-timeout': 5,
  experimental: false,
  buildkit: true,
  'authorization-plugins': [],
  plugins: defaultPlaces,
};

/** Refuses values that have the right type and make no sense; above all an API on the network that anyone could use as root. */
export function checkConfig(config: GatewayConfig): void {
  const tls = tlsFiles(config);
  for (const host of config.hosts) {
    const address = parseListenAddress(host);
    if (address.kind === 'tcp') checkOpen(host, address.host, tls);
  }
  for (const { host, address } of namedSockets(config)) if (address.kind === 'tcp') checkOpen(host, address.host, tls);
  checkMinVersion(
    config['min-api-version'],
    config['min-api-version'] === process.env[MIN_API_VARIABLE] ? MIN_API_VARIABLE : 'min-api-version',
  );
  if (!(config['shutdown-timeout'] >= 0))
    throw invalidArgument(`shutdown-timeout ${config['shutdown-timeout']} is not a number of seconds`);
}

function checkOpen(name: string, host: string, tls: TlsFiles | undefined): void {
  if (!isLoopback(host) && tls?.verify !== true)
    throw invalidArgument(`host ${name} is open to the network: it needs tlsverify with tlscacert, tlscert and tlskey`);
}

export function tlsFiles(config: GatewayConfig): TlsFiles | undefined {
  if (!config.tls && !config.tlsverify) return undefined;
  const wanted = { tlscert: config.tlscert, tlskey: config.tlskey, ...(config.tlsverify ? { tlscacert: config.tlscacert } : {}) };
  for (const [key, value] of Object.entries(wanted)) if (value === '') throw invalidArgument(`TLS needs ${key}`);
  return { ca: config.tlscacert, cert: config.tlscert, key: config.tlskey, verify: config.tlsverify };
}

/** Where the API is served. `fd://` stands for what the process was handed and nobody has taken by its address: so it is read late. */
export function listenAddresses(config: GatewayConfig, run: string): ListenAddress[] {
  if (config.hosts.length === 0) return [{ kind: 'unix', path: join(run, 'docker.sock') }];
  return config.hosts.flatMap((host): ListenAddress[] => {
    const name = parseListenAddress(host);
    if (name.kind !== 'handed') return [name];
    const handed = takeHeldSockets();
    if (handed.length === 0)
      throw failedPrecondition(`host ${host}: no socket was handed over; start it by a systemd unit with a socket unit, or name a path`);
    for (const { address } of handed)
      if (!address.startsWith('/')) checkOpen(`${host} (${address})`, address.slice(0, address.lastIndexOf(':')), tlsFiles(config));
    return handed.map(({ address, fd }) => ({ kind: 'fd', fd, address }));
  });
}

/** A socket whose calls carry its name. */
export interface NamedSocket {
  readonly name: string;
  readonly host: string;
  readonly group: string | undefined;
  readonly address: Exclude<ListenAddress, { kind: 'fd' }>;
}

/** The sockets that have a name. Errors: invalidArgument that names the key. */
export function namedSockets({ sockets }: Pick<GatewayConfig, 'sockets'>): NamedSocket[] {
  return Object.entries(sockets).map(([name, value]) => {
    const { host, group, ...rest } = (value ?? {}) as Readonly<Record<string, unknown>>;
    const [unknown] = Object.keys(rest);
    if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/i.test(name)) throw invalidArgument(`sockets: "${name}" is not a valid name`);
    if (unknown !== undefined) throw invalidArgument(`sockets.${name}: unknown key "${unknown}"`);
    if (typeof host !== 'string') throw invalidArgument(`sockets.${name}.host must be unix:///path or tcp://address:port`);
    if (group !== undefined && typeof group !== 'string') throw invalidArgument(`sockets.${name}.group must be the name of a group`);
    const address = parseListenAddress(host);
    if (address.kind === 'handed') throw invalidArgument(`sockets.${name}.host cannot be fd://: nobody could tell which one is meant`);
    return { name, host, group, address };
  });
}

const heldOf = (address: Exclude<ListenAddress, { kind: 'fd' }>): string[] =>
  address.kind === 'unix' ? [address.path] : address.port === 0 ? [] : [endpointOf(address)];

/** Addresses that a holder may listen on for the gateway, so that callers wait while it restarts: paths and HOST:PORT. */
export function heldAddresses(config: GatewayConfig, run: string): string[] {
  const named = namedSockets(config).flatMap(({ address }) => heldOf(address));
  if (config.hosts.length === 0) return [join(run, 'docker.sock'), ...named];
  const hosts = config.hosts.flatMap((host) => {
    const name = parseListenAddress(host);
    return name.kind === 'handed' ? [] : heldOf(name);
  });
  return [...hosts, ...named];
}

/** Number of the sockets' group; undefined when the default one does not exist here. Errors: invalidArgument. */
export function socketGroup(name: string, groupFile = '/etc/group'): number | undefined {
  if (name === '') return undefined;
  if (/^[0-9]+$/.test(name)) return Number(name);
  const line = readFileSync(groupFile, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  if (id !== undefined && /^[0-9]+$/.test(id)) return Number(id);
  if (name === DEFAULT_GROUP) return undefined;
  throw invalidArgument(`group ${JSON.stringify(name)} does not exist`);
}
