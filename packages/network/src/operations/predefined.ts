import { randomBytes } from 'node:crypto';
import type { NetworkWish } from '../drivers/driver';
import type { DriverName, NetworkRecord } from '../store/record';
import { timestamp } from './create-network';
import type { Parts } from './parts';
import { driverOf } from './parts';

export interface DefaultBridge {
  readonly device: string;
  /** CIDR; empty: the first free one. */
  readonly subnet: string;
  readonly options: Readonly<Record<string, string>>;
}

const NAMES = [['bridge', 'bridge'], ['host', 'host'], ['none', 'null']] as const satisfies readonly (readonly [string, DriverName])[];

/** Writes the records of the networks that every engine has, and follows the configuration of the default bridge while nobody uses it. */
export async function ensurePredefined(parts: Parts, bridge: DefaultBridge): Promise<void> {
  for (const [name, driver] of NAMES) {
    const present = parts.store.networks().find((network) => network.name === name);
    if (present !== undefined && (driver !== 'bridge' || isAsConfigured(present, bridge))) continue;
    if (present !== undefined) {
      if (parts.store.endpointsOfNetwork(present.id).length > 0) {
        parts.logger.warn({ device: present.device, subnet: present.pool?.subnet }, 'the default bridge has endpoints: its new configuration waits for a start without any');
        continue;
      }
      await driverOf(parts, present).remove(present);
    }
    parts.store.saveNetwork(await draft(parts, { name, driver, bridge, present }));
  }
}

function isAsConfigured(network: NetworkRecord, bridge: DefaultBridge): boolean {
  const options = Object.entries(bridge.options);
  return (
    network.device === bridge.device &&
    (bridge.subnet === '' || network.pool?.subnet === bridge.subnet) &&
    options.length === Object.keys(network.options).length &&
    options.every(([key, value]) => network.options[key] === value)
  );
}

async function draft(parts: Parts, of: { name: string; driver: DriverName; bridge: DefaultBridge; present: NetworkRecord | undefined }): Promise<NetworkRecord> {
  const { name, driver, bridge, present } = of;
  const id = present?.id ?? randomBytes(32).toString('hex');
  const pools = driver === 'bridge' && bridge.subnet !== '' ? [{ subnet: bridge.subnet, gateway: '', ipRange: '', auxAddresses: {} }] : [];
  const wish: NetworkWish = { id, name, internal: false, predefined: true, options: driver === 'bridge' ? bridge.options : {}, ipamOptions: {}, pools };
  return {
    id,
    name,
    driver,
    internal: false,
    attachable: false,
    labels: {},
    ipamOptions: {},
    created: present?.created ?? timestamp(),
    predefined: true,
    ...(await parts.drivers[driver].plan(wish)),
  };
}
