import { randomBytes } from 'node:crypto';
import { alreadyExists, forbidden, invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { NetworkWish } from '../drivers/driver';
import type { DriverName, NetworkRecord } from '../store/record';
import type { Parts } from './parts';
import { driverOf } from './parts';

export interface CreateNetwork extends Omit<NetworkWish, 'id' | 'predefined'> {
  readonly ipamOptionsGiven: boolean;
  readonly driver: string;
  readonly scope: string;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly ipamDriver: string;
  readonly operationId: string;
}

/** Of networks that name none. */
const DEFAULT_DRIVER: DriverName = 'bridge';
const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

/** Makes a user-defined network. The record comes first: a crash after it is finished at the next start. */
export function createNetwork(parts: Parts, request: CreateNetwork): Promise<NetworkRecord> {
  return parts.locks.run('networks', async () => {
    const done = parts.store.network(parts.store.subjectOf(request.operationId) ?? '');
    if (done !== undefined) return done;
    const driver = check(parts, request);
    const id = randomBytes(32).toString('hex');
    const plan = await parts.drivers[driver].plan({ ...request, id, predefined: false });
    const record: NetworkRecord = {
      id,
      name: request.name,
      driver,
      internal: request.internal,
      attachable: request.attachable,
      labels: request.labels,
      ipamOptions: request.ipamOptions,
      ipamOptionsGiven: request.ipamOptionsGiven,
      created: timestamp(),
      predefined: false,
      ...plan,
    };
    parts.store.saveNetwork(record, request.operationId);
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

function check(parts: Parts, request: CreateNetwork): DriverName {
  const { name } = request;
  if (name.trim() === '') throw invalidArgument('invalid name: name is empty');
  if (PREDEFINED.has(name)) throw forbidden(`operation is not permitted on predefined ${name} network`);
  if (parts.store.networks().some((network) => network.name === name)) throw alreadyExists(`network with name ${name} already exists`);
  if (request.scope !== '' && request.scope !== 'local') throw notImplemented(`network ${name}: scope "${request.scope}" is not supported`);
  if (request.ingress) throw notImplemented(`network ${name}: ingress networks are not supported`);
  if (request.enableIpv6) throw notImplemented(`network ${name}: IPv6 is not supported (EnableIPv6)`);
  if (!request.enableIpv4) throw notImplemented(`network ${name}: a network without IPv4 is not supported (EnableIPv4)`);
  if (request.ipamDriver !== '' && request.ipamDriver !== 'default') throw notFound(`plugin "${request.ipamDriver}" not found`);
  const kind = request.driver === '' ? DEFAULT_DRIVER : request.driver;
  const driver = Object.values(parts.drivers).find((one) => one.name === kind);
  if (driver === undefined) throw notFound(`plugin "${kind}" not found`);
  if (!driver.traits.manifold) throw forbidden(`only one instance of "${kind}" network is allowed`);
  return driver.name;
}

/** RFC 3339 with nanosecond digits, as Docker shows. */
export function timestamp(): string {
  return new Date().toISOString().replace('Z', '000000Z');
}
