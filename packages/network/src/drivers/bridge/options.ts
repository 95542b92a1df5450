import { isIPv4 } from 'node:net';
import { invalidArgument } from '@gantry/rpc';
import { type Family, parseAddress } from '../../address/cidr';
import { MAX_NAME } from '../../link/link';

/**
 * How a network leads outside in a family: by the host's addresses; the same, and whoever has a route to it reaches every port of its own addresses, too; by its
 * own, at the ports that are published; or not at all, where nobody is the gateway and the host is out of reach, too (for internal networks only).
 */
export type GatewayMode = (typeof GATEWAY_MODES)[number];
const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;

/** The options of a bridge network, understood. Names are Docker's. */
export interface BridgeOptions {
  readonly device: string | undefined;
  readonly interContainer: boolean;
  readonly masquerade: boolean;
  /** The bridge gets no IPv4 address: who is the gateway is not our business. */
  readonly inhibit: boolean;
  readonly modes: Readonly<Record<Family, GatewayMode>>;
  /** Host address for published ports that name none; empty for all. */
  readonly hostBinding: string;
  readonly mtu: number | undefined;
  /** Devices of the host from which published ports are open at the containers' own addresses. */
  readonly trusted: readonly string[];
  /** What leaves the network has this address of the host's, where it is hidden at all. */
  readonly sources: Readonly<Partial<Record<Family, string>>>;
  /** Interfaces in sandboxes are called prefix and a number. */
  readonly interfacePrefix: string;
}

const BRIDGE = 'com.docker.network.bridge.';

const DEFAULTS: BridgeOptions = {
  device: undefined,
  interContainer: true,
  masquerade: true,
  inhibit: false,
  modes: { 4: 'nat', 6: 'nat' },
  hostBinding: '',
  mtu: undefined,
  trusted: [],
  sources: {},
  interfacePrefix: 'eth',
};

/** Reads one option into the result; the table is the list of what is honoured. */
const READERS: Readonly<Record<string, (value: string, key: string, before: BridgeOptions) => Partial<BridgeOptions>>> = {
  [`${BRIDGE}name`]: (value, key) => ({ device: deviceName(value, key) }),
  [`${BRIDGE}enable_icc`]: (value, key) => ({ interContainer: boolean(value, key) }),
  [`${BRIDGE}enable_ip_masquerade`]: (value, key) => ({ masquerade: boolean(value, key) }),
  [`${BRIDGE}host_binding_ipv4`]: (value, key) => ({ hostBinding: hostAddress(value, key) }),
  [`${BRIDGE}inhibit_ipv4`]: (value, key) => ({ inhibit: boolean(value, key) }),
  [`${BRIDGE}gateway_mode_ipv4`]: (value, key, { modes }) => ({ modes: { ...modes, 4: gatewayMode(value, key) } }),
  [`${BRIDGE}gateway_mode_ipv6`]: (value, key, { modes }) => ({ modes: { ...modes, 6: gatewayMode(value, key) } }),
  [`${BRIDGE}default_bridge`]: (value, key) => {
    boolean(value, key);
    return {};
  },
  [`${BRIDGE}trusted_host_interfaces`]: (value, key) => ({
    trusted: [...new Set(value.split(':').filter((name) => name !== ''))].map((name) => deviceName(name, key)),
  }),
  'com.docker.network.host_ipv4': (value, key, { sources }) => ({ sources: { ...sources, 4: sourceAddress(value, key, 4) } }),
  'com.docker.network.host_ipv6': (value, key, { sources }) => ({ sources: { ...sources, 6: sourceAddress(value, key, 6) } }),
  'com.docker.network.driver.mtu': (value, key) => ({ mtu: mtuOf(value, key) }),
  'com.docker.network.container_iface_prefix': (value, key) => ({ interfacePrefix: interfacePrefixOf(value, key) }),
};

/** Docker's names of the auxiliary addresses that are the gateway of a network's containers. */
export const DEFAULT_GATEWAY = { 4: 'DefaultGatewayIPv4', 6: 'DefaultGatewayIPv6' } as const;

/** Throws invalidArgument with the option's name. Any other key is its owner's own, kept and shown. */
export function readBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  let result = DEFAULTS;
  for (const [key, value] of Object.entries(options)) {
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (reader !== undefined) result = { ...result, ...reader(value, key, result) };
  }
  return result;
}

function gatewayMode(value: string, key: string): GatewayMode {
  const mode = GATEWAY_MODES.find((known) => known === value);
  if (mode !== undefined) return mode;
  throw invalidArgument(`failed to parse ${key} value: ${value} (unknown gateway mode ${value})`);
}

/** As Go reads it; undefined when it is neither. */
export function booleanOf(value: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(value) ? false : undefined;
}

function boolean(value: string, key: string): boolean {
  const known = booleanOf(value);
  if (known !== undefined) return known;
  throw invalidArgument(`failed to parse ${key} value: ${value} (strconv.ParseBool: parsing "${value}": invalid syntax)`);
}

export function deviceName(value: string, key: string): string {
  if (value.length === 0 || value.length > MAX_NAME || !/^[^\s/:]+$/.test(value) || value === '.' || value === '..')
    throw invalidArgument(`option ${key}: "${value}" is no interface name`);
  return value;
}

function sourceAddress(value: string, key: string, family: Family): string {
  const address = parseAddress(value);
  if (address === undefined) throw invalidArgument(`failed to parse ${key} value: ${value} (nil ip)`);
  if (address.family !== family) throw invalidArgument(`option ${key}: "${value}" is no IPv${family} address`);
  return value;
}

function hostAddress(value: string, key: string): string {
  if (!isIPv4(value)) throw invalidArgument(`option ${key}: "${value}" is no IPv4 address`);
  return value;
}

export function mtuOf(value: string, key: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 68 || number > 65535)
    throw invalidArgument(`option ${key}: "${value}" is no MTU between 68 and 65535`);
  return number;
}

export function interfacePrefixOf(value: string, key: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,9}$/.test(value) || value === 'lo')
    throw invalidArgument(`option ${key}: "${value}" is no interface prefix`);
  return value;
}
