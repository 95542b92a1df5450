import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import { isLoopback, type ListenAddress, parseListenAddress } from './http/listen-address';
import type { TlsFiles } from './http/listener';

/** The gateway's own configuration keys; spelled as dockerd's. */
export interface GatewayConfig {
  /** `unix:///path` and `tcp://address:port`; none: RUN/docker.sock. */
  readonly hosts: readonly string[];
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
  /** Seconds that requests and attached streams may go on when the gateway stops. */
  readonly 'shutdown-timeout': number;
}

const DEFAULT_GROUP = 'docker';

export const defaults: GatewayConfig = {
  hosts: [],
  group: DEFAULT_GROUP,
  tls: false,
  tlsverify: false,
  tlscacert: '',
  tlscert: '',
  tlskey: '',
  'host-names': [],
  'shutdown-timeout': 5,
};

/** Refuses values that have the right type and make no sense; above all an API on the network that anyone could use as root. */
export function checkConfig(config: GatewayConfig): void {
  const tls = tlsFiles(config);
  for (const host of config.hosts) {
    const address = parseListenAddress(host);
    if (address.kind === 'tcp' && !isLoopback(address.host) && tls?.verify !== true) {
      throw invalidArgument(`host ${host} is open to the network: it needs tlsverify with tlscacert, tlscert and tlskey`);
    }
  }
  if (!(config['shutdown-timeout'] >= 0))
    throw invalidArgument(`shutdown-timeout ${config['shutdown-timeout']} is not a number of seconds`);
}

export function tlsFiles(config: GatewayConfig): TlsFiles | undefined {
  if (!config.tls && !config.tlsverify) return undefined;
  const wanted = { tlscert: config.tlscert, tlskey: config.tlskey, ...(config.tlsverify ? { tlscacert: config.tlscacert } : {}) };
  for (const [key, value] of Object.entries(wanted)) if (value === '') throw invalidArgument(`TLS needs ${key}`);
  return { ca: config.tlscacert, cert: config.tlscert, key: config.tlskey, verify: config.tlsverify };
}

export function listenAddresses(config: GatewayConfig, run: string): ListenAddress[] {
  return config.hosts.length === 0 ? [{ kind: 'unix', path: join(run, 'docker.sock') }] : config.hosts.map(parseListenAddress);
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
