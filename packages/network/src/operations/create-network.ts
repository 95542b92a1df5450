import { randomBytes } from 'node:crypto';
import { alreadyExists, forbidden, invalidArgument, notImplemented } from '@gantry/rpc';
import { booleanOf } from '../drivers/bridge/options';
import { DEFAULT_IPAM, familyOf } from '../ipam/ipam';
import { advertisingOf } from '../drivers/endpoint/advertise';
import type { NetworkDriver, NetworkPlan, NetworkWish, PoolWish } from '../drivers/driver';
import type { DriverName, NetworkRecord, PoolRecord } from '../store/record';
import { checkConfig, configRecord, withConfig } from './config-networks';
import type { Parts } from './parts';
import { driverOf } from './parts';

export interface CreateNetwork extends Omit<NetworkWish, 'id' | 'predefined'> {
  readonly ipamOptionsGiven: boolean;
  readonly driver: string;
  readonly scope: string;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Keep the settings for other networks, and make none. */
  readonly configOnly: boolean;
  /** Name of a network whose settings this one has; empty: its own. */
  readonly configFrom: string;
  readonly operationId: string;
}

/** Of networks that name none. */
const DEFAULT_DRIVER: DriverName = 'bridge';
const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

/** One id of a caller's for several networks is several operations. */
const operationOf = ({ operationId, name }: CreateNetwork): string => (operationId === '' ? '' : `${operationId} ${name}`);

/** Makes a user-defined network. The record comes first: a crash after it is finished at the next start. */
export function createNetwork(parts: Parts, asked: CreateNetwork): Promise<NetworkRecord> {
  return parts.locks.run('networks', async () => {
    const done = parts.store.network(parts.store.subjectOf(operationOf(asked)) ?? '');
    if (done !== undefined) return done;
    const own = byOptions(asked);
    checkName(parts, own);
    checkConfig(own);
    advertisingOf(own.options);
    const request = withConfig(parts, own);
    const id = randomBytes(32).toString('hex');
    const plan = request.configOnly ? configRecord(request) : await planned(parts, request, id);
    const record: NetworkRecord = {
      id,
      name: request.name,
      ...(['', DEFAULT_IPAM].includes(request.ipamDriver) ? {} : { ipamDriver: request.ipamDriver }),
      ...(request.enableIpv4 ? {} : { enableIpv4: false }),
      ...(request.enableIpv6 ? { enableIpv6: true } : {}),
      internal: request.internal,
      attachable: request.attachable,
      labels: request.labels,
      ipamOptions: request.ipamOptions,
      ipamOptionsGiven: request.ipamOptionsGiven,
      created: timestamp(),
      predefined: false,
      ...(request.configFrom === '' ? {} : { configFrom: request.configFrom }),
      ...plan,
    };
    parts.store.saveNetwork(record, operationOf(request));
    try {
      await driverOf(parts, record).ensure(record);
    } catch (error) {
      await driverOf(parts, record)
        .remove(record)
        .catch((undo: unknown) =>
          parts.logger.warn({ err: undo, network: record.name }, 'network could not be removed after its creation failed'),
        );
      parts.store.deleteNetwork(id);
      throw error;
    }
    return record;
  });
}

/** What the driver decides of a network, and which of the subnets that were asked for it does not use. */
async function planned(
  parts: Parts,
  request: CreateNetwork,
  id: string,
): Promise<NetworkPlan & Pick<NetworkRecord, 'driver' | 'idlePools'>> {
  const driver = checkDriver(parts, request);
  const used = request.pools.filter((pool) => isEnabled(request, pool));
  const plan = await driver.plan({ ...request, pools: used, id, predefined: false });
  return { driver: driver.name, ...(used.length === request.pools.length ? {} : { idlePools: idle(request) }), ...plan };
}

/** Docker's options of all drivers turn a family on or off, too. */
function byOptions(request: CreateNetwork): CreateNetwork {
  const read = (option: string): boolean | undefined => {
    const value = request.options[option];
    if (value === undefined) return undefined;
    const known = booleanOf(value);
    if (known === undefined) throw invalidArgument(`driver-opt "${option}" is not a valid bool`);
    return known;
  };
  return {
    ...request,
    enableIpv4: read('com.docker.network.enable_ipv4') ?? request.enableIpv4,
    enableIpv6: request.enableIpv6 || (read('com.docker.network.enable_ipv6') ?? false),
  };
}

const isEnabled = ({ enableIpv4, enableIpv6 }: CreateNetwork, pool: PoolWish): boolean => (familyOf(pool) === 4 ? enableIpv4 : enableIpv6);

const idle = (request: CreateNetwork): PoolRecord[] =>
  request.pools.filter((pool) => !isEnabled(request, pool)).map((pool) => ({ ...pool, configured: true }));

function checkName(parts: Parts, { name }: CreateNetwork): void {
  if (name.trim() === '') throw invalidArgument('invalid name: name is empty');
  if (PREDEFINED.has(name)) throw forbidden(`operation is not permitted on predefined ${name} network`);
  if (parts.store.networks().some((network) => network.name === name)) throw alreadyExists(`network with name ${name} already exists`);
}

function checkDriver(parts: Parts, request: CreateNetwork): NetworkDriver {
  const { name } = request;
  if (request.ingress) throw notImplemented(`network ${name}: ingress networks are not supported`);
  const kind = request.driver === '' ? DEFAULT_DRIVER : request.driver;
  const driver = driverOf(parts, { driver: kind });
  if (request.scope !== '' && request.scope !== (driver.traits.scope ?? 'local'))
    throw notImplemented(`network ${name}: scope "${request.scope}" is not supported`);
  if (!driver.traits.manifold) throw forbidden(`only one instance of "${kind}" network is allowed`);
  return driver;
}

/** RFC 3339 with nanosecond digits, as Docker shows. */
export function timestamp(): string {
  return new Date().toISOString().replace('Z', '000000Z');
}
