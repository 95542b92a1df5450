import { forbidden, notFound } from '@gantry/rpc';
import { DEFAULT_IPAM } from '../ipam/ipam';
import { checkPools } from '../ipam/pool-faults';
import type { NetworkRecord } from '../store/record';
import type { CreateNetwork } from './create-network';
import type { Parts } from './parts';

/** Networks that are settings for others (docker's ConfigOnly and ConfigFrom): their records say what was asked for, and nothing of it is taken. */
const isConfigOnly = ({ configOnly }: NetworkRecord): boolean => configOnly === true;

/** docker shows them as networks of this driver, which none of them is. */
const SHOWN_DRIVER = 'null';

/** Refuses settings that are not for such a network, or beside those of one. Throws docker's errors. */
export function checkConfig(request: CreateNetwork): void {
  if (request.configOnly && (request.ingress || request.internal || request.attachable || request.scope !== ''))
    throw forbidden(
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  if (request.configFrom === '') return;
  if (request.configOnly) throw forbidden('a configuration network cannot depend on another configuration network');
  const hasOwn =
    !['', DEFAULT_IPAM].includes(request.ipamDriver) ||
    !request.enableIpv4 ||
    request.enableIpv6 ||
    request.pools.length > 0 ||
    [request.labels, request.ipamOptions].some((map) => Object.keys(map).length > 0);
  if (hasOwn) throw forbidden('user specified configurations are not supported if the network depends on a configuration network');
  if (Object.keys(request.options).length > 0)
    throw forbidden('network driver options are not supported if the network depends on a configuration network');
}

/** The request with the settings of the network that it names; as it is where it names none. */
export function withConfig({ store }: Pick<Parts, 'store'>, request: CreateNetwork): CreateNetwork {
  if (request.configFrom === '') return request;
  const config = store.networks().find((network) => isConfigOnly(network) && network.name === request.configFrom);
  if (config === undefined) throw notFound(`configuration network "${request.configFrom}" does not exist`);
  return {
    ...request,
    enableIpv4: config.enableIpv4 ?? true,
    enableIpv6: config.enableIpv6 ?? false,
    options: config.options,
    labels: config.labels,
    ipamDriver: config.ipamDriver ?? '',
    ipamOptions: config.ipamOptions,
    ipamOptionsGiven: request.ipamOptionsGiven || (config.ipamOptionsGiven ?? false),
    pools: config.idlePools ?? [],
  };
}

/** What the record of such a network says, beside what the records of all say. */
export function configRecord(request: CreateNetwork): Pick<NetworkRecord, 'driver' | 'configOnly' | 'options' | 'idlePools'> {
  checkPools(request);
  const idlePools = request.pools.map((pool) => ({ ...pool, configured: true }));
  return { driver: SHOWN_DRIVER, configOnly: true, options: request.options, ...(idlePools.length === 0 ? {} : { idlePools }) };
}

/** Refuses to take settings away that a network was made with. */
export function checkConfigUnused({ store }: Pick<Parts, 'store'>, network: NetworkRecord): void {
  if (isConfigOnly(network) && store.networks().some(({ configFrom }) => configFrom === network.name))
    throw forbidden(`error while removing network: configuration network "${network.name}" is in use`);
}

export function checkConnectable(network: NetworkRecord): void {
  if (isConfigOnly(network)) throw forbidden('cannot create endpoint on configuration-only network');
}
