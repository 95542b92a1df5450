import type { LogLevel } from '@gantry/service';

export type ServiceName = 'images' | 'network' | 'shim' | 'supervisor' | 'build' | 'gateway';
type Tree = Record<string, unknown>;

/** What the default bridge gets of a family: its own address with the subnet's length, and the part for containers. Both CIDR or empty. */
interface BridgeBlock {
  address: string;
  range: string;
  /** Who routes for containers; empty: the bridge. */
  gateway: string;
}

/** What a command line and a daemon.json of dockerd's come to: a configuration for each service, and what the process itself does. */
export class Plan {
  root = '/var/lib/docker';
  run = '/var/run/docker';
  pidFile = '/var/run/docker.pid';
  logLevel: LogLevel = 'info';
  logFormat: 'text' | 'json' = 'text';
  /** No colours, though the log is a terminal. */
  rawLogs = false;
  hosts: readonly string[] = [];
  tls: { verify: boolean; ca: string; cert: string; key: string; on: boolean } = { on: false, verify: false, ca: '', cert: '', key: '' };
  /** Bridge of the host's for the default network; empty: one of our own. */
  bridgeDevice = '';
  /** Without an address the device says it, or the range is all of the subnet. */
  bridge: BridgeBlock = { address: '', range: '', gateway: '' };
  /** The same of IPv6. */
  bridge6: BridgeBlock = { address: '', range: '', gateway: '' };
  /** Whether containers may ask for devices by the names of CDI, and the folders that describe them; undefined: the usual ones. */
  readonly devices: { on: boolean; folders: readonly string[] | undefined } = { on: true, folders: undefined };
  /** Told in the log: what is taken and means something else here. */
  readonly notes: string[] = [];
  readonly services: Readonly<Record<ServiceName, Tree>> = { images: {}, network: {}, shim: {}, supervisor: {}, build: {}, gateway: {} };

  constructor() {
    this.set('supervisor', 'live-restore', false);
    this.set('supervisor', 'namespace', 'moby');
    this.set('build', 'namespace', 'moby');
    this.set('network', 'bridge.shared', 'docker0');
  }

  /** Sets a configuration key of a service, dotted for a nested one. */
  set(service: ServiceName, key: string, value: unknown): void {
    const path = key.split('.');
    const last = path.pop() ?? key;
    let tree: Tree = this.services[service];
    for (const step of path) tree = (tree[step] ??= {}) as Tree;
    tree[last] = value;
  }
}
