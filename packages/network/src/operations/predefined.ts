import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { NetworkWish } from '../drivers/driver';
import type { DriverName, NetworkRecord, PoolRecord } from '../store/record';
import { timestamp } from './create-network';
import type { Parts } from './parts';
import { driverOf } from './parts';

export interface DefaultBridge {
  /** There is to be none. */
  readonly disabled: boolean;
  readonly device: string;
  /** The device is the host's own. */
  readonly foreign: boolean;
  readonly ipv4: BridgeSubnet;
  /** Absent: it has no IPv6. */
  readonly ipv6?: BridgeSubnet;
  readonly options: Readonly<Record<string, string>>;
  /** True when an older interface of the host has addresses in the network's subnet: another engine chose it at the same time. */
  readonly isContested: (network: NetworkRecord) => Promise<boolean>;
}

export interface BridgeSubnet {
  /** CIDR; empty: the first free one. */
  readonly subnet: string;
  /** The bridge's own address; empty: the first of the range. */
  readonly gateway: string;
  /** CIDR; empty: the whole subnet. */
  readonly range: string;
  /** Addresses that nobody gets, by what they are for. */
  readonly auxAddresses: Readonly<Record<string, string>>;
}

/** Engines that start together may choose the same subnet this often before one gives up. */
const CHOICES = 8;

/** Name of the network that containers join which name none: the one that follows the configuration. */
export const DEFAULT_NETWORK = 'bridge';

const NAMES = [
  [DEFAULT_NETWORK, 'bridge'],
  ['host', 'host'],
  ['none', 'null'],
] as const satisfies readonly (readonly [string, DriverName])[];

/** Writes the records of the networks that every engine has, and follows the configuration of the default bridge while nobody uses it. */
export async function ensurePredefined(parts: Parts, bridge: DefaultBridge): Promise<void> {
  for (const [name, driver] of NAMES) {
    const present = parts.store.networks().find((network) => network.name === name);
    const unwanted = name === DEFAULT_NETWORK && bridge.disabled;
    if (present === undefined ? unwanted : name !== DEFAULT_NETWORK) continue;
    if (present !== undefined && !unwanted && isAsConfigured(present, bridge)) {
      showGateways(parts, present, bridge);
      continue;
    }
    if (present !== undefined) {
      if (parts.store.endpointsOfNetwork(present.id).length > 0) {
        parts.logger.warn(
          { device: present.device, subnet: present.pool?.subnet },
          'the default bridge has endpoints: its new configuration waits for a start without any',
        );
        continue;
      }
      await driverOf(parts, present).remove(present);
    }
    if (unwanted) {
      if (present !== undefined) parts.store.deleteNetwork(present.id);
      continue;
    }
    await make(parts, { name, driver, bridge, present });
  }
}

interface Wanted {
  readonly name: string;
  readonly driver: DriverName;
  readonly bridge: DefaultBridge;
  readonly present: NetworkRecord | undefined;
}

/** Writes the record and, for a chosen subnet, looks whether somebody else chose it too: the younger interface gives way. */
async function make(parts: Parts, wanted: Wanted): Promise<void> {
  let { present } = wanted;
  for (let choice = 0; choice < CHOICES; choice++) {
    const record = await draft(parts, { ...wanted, present });
    parts.store.saveNetwork(record);
    if (wanted.name !== DEFAULT_NETWORK || wanted.bridge.ipv4.subnet !== '') return;
    await driverOf(parts, record).ensure(record);
    if (!(await wanted.bridge.isContested(record))) return;
    parts.logger.info({ subnet: record.pool?.subnet }, 'the subnet was taken by another engine meanwhile');
    await driverOf(parts, record).remove(record);
    present = record;
  }
}

function isAsConfigured(network: NetworkRecord, bridge: DefaultBridge): boolean {
  const options = Object.entries(bridge.options);
  return (
    network.device === bridge.device &&
    (network.foreign === true) === bridge.foreign &&
    hasBlock(network.pool, bridge.ipv4) &&
    (bridge.ipv6 === undefined ? network.pool6 === undefined : hasBlock(network.pool6, bridge.ipv6)) &&
    options.length === Object.keys(network.options).length &&
    options.every(([key, value]) => network.options[key] === value)
  );
}

const hasBlock = (pool: PoolRecord | undefined, { subnet, gateway, range, auxAddresses }: BridgeSubnet): boolean =>
  pool !== undefined &&
  (subnet === '' || (pool.subnet === subnet && pool.ipRange === range)) &&
  (gateway === '' || pool.gateway === gateway) &&
  isDeepStrictEqual(pool.auxAddresses, auxAddresses);

/** A gateway that was chosen is one that is said from the next start on, as dockerd shows it then: the device says it. */
function showGateways(parts: Parts, network: NetworkRecord, { ipv4, ipv6 }: DefaultBridge): void {
  const shown = (pool: PoolRecord, block: BridgeSubnet | undefined): PoolRecord => {
    const { gatewayChosen, ...rest } = pool;
    return gatewayChosen === true && (block?.gateway ?? '') !== '' ? rest : pool;
  };
  const { pool, pool6 } = network;
  const changed = {
    ...network,
    ...(pool === undefined ? {} : { pool: shown(pool, ipv4) }),
    ...(pool6 === undefined ? {} : { pool6: shown(pool6, ipv6) }),
  };
  if (!isDeepStrictEqual(changed, network)) parts.store.saveNetwork(changed);
}

async function draft(parts: Parts, of: Wanted): Promise<NetworkRecord> {
  const { name, driver, bridge, present } = of;
  const id = present?.id ?? randomBytes(32).toString('hex');
  const configured = name === DEFAULT_NETWORK;
  const hasIpv6 = configured && bridge.ipv6 !== undefined;
  const blocks = configured ? [bridge.ipv4, ...(bridge.ipv6 === undefined ? [] : [bridge.ipv6])] : [];
  const pools = blocks
    .filter(({ subnet }) => subnet !== '')
    .map(({ subnet, gateway, range, auxAddresses }) => ({ subnet, gateway, ipRange: range, auxAddresses }));
  const wish: NetworkWish = {
    id,
    name,
    internal: false,
    enableIpv4: true,
    enableIpv6: hasIpv6,
    predefined: true,
    ...(configured && bridge.foreign ? { foreign: true } : {}),
    options: configured ? bridge.options : {},
    ipamDriver: '',
    ipamOptions: {},
    pools,
  };
  return {
    id,
    name,
    driver,
    ...(hasIpv6 ? { enableIpv6: true } : {}),
    internal: false,
    attachable: false,
    labels: {},
    ipamOptions: {},
    created: present?.created ?? timestamp(),
    predefined: true,
    ...(await parts.drivers[driver].plan(wish)),
  };
}
