import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import type { CommonConfig, FlagTable } from '@gantry/service';
import { commonDefaults } from '@gantry/service';
import { defaultPlaces, type PluginPlaces } from '@gantry/service/plugins';
import { contains, type Family, first, formatAddress, formatCidr, isSame, last, parseAddress, parseCidr, WIDTH } from './address/cidr';
import type { AddressPool } from './address/pools';
import { DEFAULT_POOLS } from './address/pools';
import { DEFAULT_GATEWAY } from './drivers/bridge/options';
import { MAX_NAME } from './link/link';
import type { BridgeSubnet } from './operations/predefined';

/** Set by the build. */
export const version = process.env['GANTRY_VERSION'] ?? '0.0.0';

/** Keys of network.yaml beside the common ones. */
export interface NetworkConfig {
  readonly bridge: {
    /** There is no default bridge. */
    readonly disabled: boolean;
    /** Device of the default bridge; empty: `gantry0`, or a name of its own for a run root that is not the default. */
    readonly name: string;
    /** The device of `name` is the host's own: it has to be there, and is not taken away; where no subnet is said its addresses say it. */
    readonly foreign: boolean;
    /** Device of the default bridge where no `name` is given and nobody else has it: engines follow one another on it, and where no subnet is said the addresses that it has say it. Empty: none. */
    readonly shared: string;
    /** Subnet of the default bridge, CIDR, or the bridge's own address in it; empty: the first free one of the pools. */
    readonly subnet: string;
    /** Part of the subnet that containers get their addresses from, CIDR; empty: all of it. Where nothing says a subnet it is the subnet. */
    readonly range: string;
    /** It has IPv6, too. */
    readonly ipv6: boolean;
    /** The same as `subnet`, of IPv6; not used without. */
    readonly 'subnet-v6': string;
    /** Who routes for containers, an address of the subnet; empty: the bridge itself. */
    readonly gateway: string;
    /** The same as `range`, of IPv6. */
    readonly 'range-v6': string;
    /** The same as `gateway`, of IPv6. */
    readonly 'gateway-v6': string;
    /** 0: the kernel's default. */
    readonly mtu: number;
    /** Containers on the default bridge may talk to each other. */
    readonly icc: boolean;
    /** Packets of containers leave the host with the host's address. */
    readonly masquerade: boolean;
  };
  /** Name of the nft table; empty: `gantry`, or a name of its own for a run root that is not the default. */
  readonly table: string;
  /** The host's resolvers, which are asked for names that are not ours. */
  readonly 'resolv-conf': string;
  /** Host address for published ports that name none; empty: all. */
  readonly 'publish-address': string;
  /** Where new networks get their subnets from: `{base: CIDR, size: prefix length}`; empty: dockerd's pools. */
  readonly 'default-address-pools': readonly { readonly base: string; readonly size: number }[];
  /** `warn` of forward chains of others that drop, or `insert` one rule there. */
  readonly firewall: 'warn' | 'insert';
  /** nf_tables rules of our own; without them containers reach nothing beyond their bridge, and published ports are relayed by this service. */
  readonly rules: boolean;
  /** The same of IPv6: without them published ports of IPv6 are relayed. */
  readonly 'rules-v6': boolean;
  /** Relay published ports of the host's IPv6 addresses, where rules cannot translate them: to containers that have IPv4 only, and from [::1]. */
  readonly relay: boolean;
  /** Turn on net.ipv4.ip_forward, and that of IPv6 for the first network that has it. */
  readonly 'ip-forward': boolean;
  /** Where plugins of Docker's leave word of themselves. */
  readonly plugins: PluginPlaces;
  /** Networks of several engines, agreed upon by etcd. */
  readonly overlay: {
    /** Members of etcd, http://host:port or https://; none: no such networks. */
    readonly endpoints: readonly string[];
    /** What all keys begin with: engines with the same one have the same networks. */
    readonly prefix: string;
    /** Files of certificates, for https; empty: the host's own authorities, and no certificate of this engine. */
    readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
    /** Address of this host that other engines reach it by, or the interface that has it; empty: that by which the store is reached. */
    readonly advertise: string;
    /** What this engine is called where a network's peers are told; empty: the host's name. */
    readonly name: string;
    /** UDP port of VXLAN. */
    readonly port: number;
    /** Seconds after which an engine that is gone is forgotten. */
    readonly lease: number;
    /** How long keys of networks that are encrypted are used: seconds, and packets of one host to another. */
    readonly keys: { readonly 'max-age': number; readonly 'max-packets': number };
    /** Where such networks get their subnets from. */
    readonly 'default-address-pools': readonly { readonly base: string; readonly size: number }[];
  };
  /** Kubernetes' pods: what CNI programs make of them. */
  readonly cni: {
    /** Folder of the configuration; the first file that is whole, by its name. */
    readonly 'conf-directory': string;
    /** Folders of the programs, the first that has one gives it. */
    readonly 'plugin-directories': readonly string[];
    /** Seconds that a program may take; it is killed then. */
    readonly timeout: number;
  };
  /** Seconds between two looks at leftovers and foreign firewalls. */
  readonly 'sweep-interval': number;
}

export const networkDefaults: NetworkConfig = {
  bridge: {
    disabled: false,
    name: '',
    foreign: false,
    shared: '',
    subnet: '',
    range: '',
    gateway: '',
    ipv6: false,
    'subnet-v6': '',
    'range-v6': '',
    'gateway-v6': '',
    mtu: 0,
    icc: true,
    masquerade: true,
  },
  table: '',
  'resolv-conf': '/etc/resolv.conf',
  'publish-address': '',
  'default-address-pools': [],
  firewall: 'warn',
  rules: true,
  'rules-v6': true,
  relay: true,
  'ip-forward': true,
  plugins: defaultPlaces,
  overlay: {
    endpoints: [],
    prefix: '/gantry/overlay/',
    tls: { ca: '', cert: '', key: '' },
    advertise: '',
    name: '',
    port: 4789,
    lease: 30,
    keys: { 'max-age': 43_200, 'max-packets': 2 ** 31 },
    'default-address-pools': [{ base: '10.0.0.0/8', size: 24 }],
  },
  cni: { 'conf-directory': '/etc/cni/net.d', 'plugin-directories': ['/opt/cni/bin', '/usr/lib/cni'], timeout: 120 },
  'sweep-interval': 15,
};

/** What CNI programs have of the environment: they find iptables and proxies by it, and are not taken for this service. */
export const pluginEnvironment = (env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:CNI|GANTRY|NODE|OTEL|NOTIFY|LISTEN|WATCHDOG)_/.test(name)));

export const networkFlags: FlagTable = {
  bridge: { type: 'string', value: 'NAME', key: 'bridge.name', help: 'device of the default bridge' },
  bip: { type: 'string', value: 'CIDR', key: 'bridge.subnet', help: 'subnet of the default bridge' },
  table: { type: 'string', value: 'NAME', help: 'name of the nft table' },
  firewall: { type: 'string', value: 'warn|insert', help: 'what to do about forward chains of others that drop' },
};

export function checkNetworkConfig(config: CommonConfig & NetworkConfig): void {
  const { bridge } = config;
  for (const key of ['name', 'shared'] as const)
    if (bridge[key] !== '' && (bridge[key].length > MAX_NAME || !/^[^\s/:]+$/.test(bridge[key])))
      throw invalidArgument(`bridge.${key} "${bridge[key]}" is no interface name`);
  if (bridge.foreign && bridge.name === '') throw invalidArgument('bridge.foreign: bridge.name says no device of the host');
  for (const [key, { subnet }] of [
    ['subnet', bridge],
    ['subnet-v6', ipv6Block(bridge)],
  ] as const)
    if (bridge.foreign && subnet !== '')
      throw invalidArgument(`bridge.${key} "${subnet}": with bridge.foreign the addresses of ${bridge.name} say it`);
  checkBlock(4, bridge, '');
  checkBlock(6, ipv6Block(bridge), '-v6');
  if (bridge.mtu !== 0 && !(bridge.mtu >= 68 && bridge.mtu <= 65535))
    throw invalidArgument(`bridge.mtu ${bridge.mtu} is not between 68 and 65535`);
  if (config.table !== '' && !/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/.test(config.table))
    throw invalidArgument(`table "${config.table}" is no nft table name`);
  if (config['publish-address'] !== '' && !isIPv4(config['publish-address']))
    throw invalidArgument(`publish-address "${config['publish-address']}" is no IPv4 address`);
  if (!['warn', 'insert'].includes(config.firewall)) throw invalidArgument(`firewall "${config.firewall}" is neither warn nor insert`);
  const { cni } = config;
  for (const place of [cni['conf-directory'], ...cni['plugin-directories']])
    if (typeof place !== 'string' || !place.startsWith('/') || place.includes(':'))
      throw invalidArgument(`cni: folder ${JSON.stringify(place)} is no absolute path without colons`);
  if (!(cni.timeout >= 1)) throw invalidArgument(`cni.timeout ${cni.timeout} is less than 1 second`);
  if (!(config['sweep-interval'] >= 1)) throw invalidArgument(`sweep-interval ${config['sweep-interval']} is less than 1 second`);
  poolsOf(config);
  checkOverlay(config.overlay);
}

function checkOverlay(overlay: NetworkConfig['overlay']): void {
  for (const endpoint of overlay.endpoints)
    if (typeof endpoint !== 'string' || !/^https?:\/\/[^/?#@]+\/?$/.test(endpoint) || !URL.canParse(endpoint))
      throw invalidArgument(`overlay.endpoints: ${JSON.stringify(endpoint)} is neither http://host:port nor https://host:port`);
  if (!/^[\x21-\x7e]+\/$/.test(overlay.prefix)) throw invalidArgument(`overlay.prefix "${overlay.prefix}" does not end in a slash`);
  if ((overlay.tls.cert === '') !== (overlay.tls.key === '')) throw invalidArgument('overlay.tls: cert and key go together');
  if (!(Number.isInteger(overlay.port) && overlay.port >= 1 && overlay.port <= 65535))
    throw invalidArgument(`overlay.port ${overlay.port} is no port`);
  if (!(Number.isInteger(overlay.lease) && overlay.lease >= 2))
    throw invalidArgument(`overlay.lease ${overlay.lease} is less than 2 seconds`);
  for (const key of ['max-age', 'max-packets'] as const)
    if (!(Number.isSafeInteger(overlay.keys[key]) && overlay.keys[key] >= 1))
      throw invalidArgument(`overlay.keys.${key} ${overlay.keys[key]} is no whole number from 1 up`);
  poolsOf(overlay);
}

interface BridgeBlock {
  readonly subnet: string;
  readonly range: string;
  readonly gateway: string;
}

/** What the default bridge is told of IPv6. */
export const ipv6Block = (bridge: NetworkConfig['bridge']): BridgeBlock => ({
  subnet: bridge['subnet-v6'],
  range: bridge['range-v6'],
  gateway: bridge['gateway-v6'],
});

function checkBlock(family: Family, block: BridgeBlock, suffix: string): void {
  const subnet = block.subnet === '' ? undefined : parseCidr(block.subnet);
  const isSubnet =
    subnet?.address.family === family && subnet.prefix <= WIDTH[family] - 2 && (family === 6 || !isSame(subnet.address, last(subnet)));
  if (block.subnet !== '' && !isSubnet)
    throw invalidArgument(`bridge.subnet${suffix} "${block.subnet}" is neither an IPv${family} subnet nor an address in one`);
  const range = block.range === '' ? undefined : parseCidr(block.range);
  const isRange =
    range?.address.family === family && (subnet === undefined || (contains(subnet, first(range)) && contains(subnet, last(range))));
  if (block.range !== '' && !isRange)
    throw invalidArgument(`bridge.range${suffix} "${block.range}" is no part of bridge.subnet${suffix} "${block.subnet}"`);
  const gateway = block.gateway === '' ? undefined : parseAddress(block.gateway);
  const isGateway = gateway?.family === family && (subnet === undefined || contains(subnet, gateway));
  if (block.gateway !== '' && !isGateway)
    throw invalidArgument(`bridge.gateway${suffix} "${block.gateway}" is no address of bridge.subnet${suffix} "${block.subnet}"`);
}

/** Subnet, gateway and range of the default bridge, as networks have them. */
export function bridgeAddresses({ subnet, range, gateway: router }: BridgeBlock): BridgeSubnet {
  const written = subnet === '' ? undefined : parseCidr(subnet);
  const part = range === '' ? undefined : parseCidr(range);
  if (written === undefined) return { subnet: '', gateway: '', range: '', auxAddresses: {} };
  return {
    subnet: formatCidr({ address: first(written), prefix: written.prefix }),
    gateway: isSame(written.address, first(written)) ? '' : formatAddress(written.address),
    range: part === undefined ? '' : formatCidr({ address: first(part), prefix: part.prefix }),
    auxAddresses: router === '' ? {} : { [DEFAULT_GATEWAY[written.address.family]]: router },
  };
}

export function poolsOf(config: Pick<NetworkConfig, 'default-address-pools'>): readonly AddressPool[] {
  if (config['default-address-pools'].length === 0) return DEFAULT_POOLS;
  return config['default-address-pools'].map((entry) => {
    const base = parseCidr(String(entry.base));
    if (base === undefined || !Number.isInteger(entry.size) || entry.size < base.prefix || entry.size > WIDTH[base.address.family] - 2)
      throw invalidArgument(`default-address-pools: ${JSON.stringify(entry)} is no pool of subnets`);
    return { base, size: entry.size };
  });
}

/** Names that keep engines on one host apart. The default run root has the plain ones. */
export function instanceNames(config: CommonConfig & NetworkConfig): { readonly device: string; readonly table: string } {
  const own = config.run === commonDefaults.run ? undefined : createHash('sha256').update(config.run).digest('hex').slice(0, 8);
  return {
    device: config.bridge.name !== '' ? config.bridge.name : own === undefined ? 'gantry0' : `gantry-${own}`,
    table: config.table !== '' ? config.table : own === undefined ? 'gantry' : `gantry-${own}`,
  };
}
