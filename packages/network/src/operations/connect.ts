import { randomBytes } from 'node:crypto';
import { conflict, forbidden, type GantryError, invalidArgument, notFound } from '@gantry/rpc';
import type { EndpointPlan, EndpointWish } from '../drivers/driver';
import type { Namespace } from '../kernel/kernel';
import type { EndpointRecord, NetworkRecord } from '../store/record';
import { familyOf } from '../ipam/ipam';
import { checkConnectable } from './config-networks';
import { liveNamespace } from './disconnect';
import { findNetwork } from './find-network';
import type { Parts } from './parts';
import { settleOtherRoutes } from './other-routes';
import { driverOf, hasEmbeddedDns, networkOf } from './parts';
import { hasGateway, leadsOutside, outranks } from './ranking';
import { dropEndpoints } from './release-sandbox';

export interface Connect extends Pick<
  EndpointWish,
  'sandboxId' | 'netnsPath' | 'ipAddress' | 'ipv6Address' | 'linkLocalIps' | 'macAddress' | 'driverOptions' | 'ports'
> {
  readonly networkRef: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly aliases: readonly string[];
  readonly links: Readonly<Record<string, string>>;
  readonly dnsServers: readonly string[];
  readonly gatewayPriority: number;
  readonly owner: string;
  readonly operationId: string;
}

export interface Connected {
  readonly network: NetworkRecord;
  readonly endpoint: EndpointRecord;
}

/**
 * Makes an endpoint: addresses and host ports are occupied, then the record is written and the kernel is told. A crash is finished at the
 * next start when the record was written, and swept when not; a failure is undone at once.
 */
export function connect(parts: Parts, request: Connect): Promise<Connected> {
  const network = findNetwork(parts, request.networkRef);
  return parts.locks.run(request.sandboxId, async () => {
    const done = parts.store.endpoint(parts.store.subjectOf(operationOf(network, request)) ?? '');
    if (done !== undefined && done.namespace?.identity === parts.kernel.identityOf(done.namespace?.path ?? ''))
      return { network, endpoint: done };
    check(parts, network, request);
    const namespace = openNamespace(parts, network, request);
    try {
      await makeWay(parts, network, request, namespace);
      return { network, endpoint: await make(parts, network, request, namespace) };
    } finally {
      namespace?.close();
    }
  });
}

/** One id of a caller's for several sandboxes or networks is several operations. */
const operationOf = ({ id }: NetworkRecord, { operationId, sandboxId }: Connect): string =>
  operationId === '' ? '' : `${operationId} ${sandboxId} ${id}`;

function check(parts: Parts, network: NetworkRecord, request: Connect): void {
  if (request.sandboxId === '') throw invalidArgument('sandbox id is empty');
  checkConnectable(network);
  if (driverOf(parts, network).traits.namespace === 'connected' && request.netnsPath === '')
    throw invalidArgument(`sandbox ${request.sandboxId} names no network namespace`);
  const user = hasEmbeddedDns(parts, network);
  if (!user && request.ipAddress + request.ipv6Address !== '')
    throw badSettings('user specified IP address is supported on user defined networks only');
  if ((request.ipAddress !== '' && !isConfigured(network, 4)) || (request.ipv6Address !== '' && !isConfigured(network, 6)))
    throw badSettings('user specified IP address is supported only when connecting to networks with user configured subnets');
  if (!user && request.aliases.length > 0)
    throw badSettings('network-scoped alias is supported only for containers in user defined networks');
  const others = parts.store
    .endpointsOfSandbox(request.sandboxId)
    .map((endpoint) => networkOf(parts, endpoint))
    .filter((other) => other.id !== network.id);
  const inHost = (one: NetworkRecord): boolean => driverOf(parts, one).traits.namespace === 'host';
  if (others.some(inHost) || (inHost(network) && others.length > 0)) {
    throw conflict(`sandbox ${request.sandboxId} in the host's network namespace cannot be connected to any other network`);
  }
}

/** Told apart from what goes wrong later: docker has words of its own for a wish that no network could grant. */
export function badSettings(message: string): GantryError {
  return invalidArgument(message, { meta: { fault: 'endpoint settings' } });
}

/** Also where the network has a subnet that it does not use: docker takes an address of it, and does nothing with it. */
const isConfigured = ({ pool, pool6, idlePools = [] }: NetworkRecord, family: 4 | 6): boolean =>
  [pool, pool6, ...idlePools].some((each) => each?.configured === true && familyOf(each) === family);

function openNamespace(parts: Parts, network: NetworkRecord, request: Connect): Namespace | undefined {
  if (driverOf(parts, network).traits.namespace === 'host' || request.netnsPath === '') return undefined;
  let namespace: Namespace;
  try {
    namespace = parts.kernel.namespace(request.netnsPath);
  } catch (error) {
    throw notFound(`network namespace ${request.netnsPath} of sandbox ${request.sandboxId} cannot be opened`, { cause: error });
  }
  if (namespace.identity !== parts.kernel.identityOf('/proc/self/ns/net')) return namespace;
  namespace.close();
  throw invalidArgument(`network namespace ${request.netnsPath} of sandbox ${request.sandboxId} is the host's own`);
}

/** An endpoint left from an earlier life of the sandbox goes; one of this life stands against the request. */
async function makeWay(parts: Parts, network: NetworkRecord, request: Connect, namespace: Namespace | undefined): Promise<void> {
  const stale = parts.store
    .endpointsOfSandbox(request.sandboxId)
    .filter((endpoint) => endpoint.namespace?.identity !== namespace?.identity);
  if (stale.length > 0) await dropEndpoints(parts, stale);
  if (parts.store.endpointsOfSandbox(request.sandboxId).some((endpoint) => endpoint.networkId === network.id)) {
    throw forbidden(`endpoint with name ${request.containerName} already exists in network ${network.name}`);
  }
}

async function make(parts: Parts, network: NetworkRecord, request: Connect, namespace: Namespace | undefined): Promise<EndpointRecord> {
  const driver = driverOf(parts, network);
  const id = randomBytes(32).toString('hex');
  const siblings = parts.store.endpointsOfSandbox(request.sandboxId);
  const router = siblings.find((endpoint) => endpoint.defaultRoute);
  const takesIpv6 = network.pool6 !== undefined && hasIpv6(parts, namespace);
  const dual = takesIpv6 && [network.pool, network.pool6].every((pool) => (pool?.gateway ?? '') !== '');
  const claim = { dual, priority: request.gatewayPriority, network: network.name };
  const mayCarry = leadsOutside(parts, network) && (router === undefined || outranks(parts, claim, router));
  let former = mayCarry ? router : undefined;
  const wish = {
    ...request,
    id,
    name: request.containerName,
    takesIpv6,
    order: request.owner === '' ? ('lowest' as const) : ('next' as const), // as docker has it; a pod's Services may lead to it a while longer
    ports: mayCarry ? request.ports : [],
    interfaces: new Set(siblings.map((endpoint) => endpoint.interface)),
  };
  // What the sandbox publishes moves with its default route: fixed ports must be free first.
  if (former !== undefined) await driverOf(parts, networkOf(parts, former)).unpublish(former);
  let plan: EndpointPlan;
  try {
    plan = await driver.reserve(network, wish);
  } catch (error) {
    await publishAgain(parts, former);
    throw error;
  }
  // Whether a plugin's network leads outside is known when it has made the endpoint.
  const carries = mayCarry && hasGateway(plan);
  if (!carries && former !== undefined) {
    await publishAgain(parts, former);
    former = undefined;
  }
  const endpoint: EndpointRecord = {
    ...plan,
    id,
    networkId: network.id,
    sandboxId: request.sandboxId,
    ...(request.owner === '' ? {} : { owner: request.owner }),
    name: request.containerName,
    hostname: request.hostname,
    aliases: request.aliases,
    links: request.links,
    dnsServers: request.dnsServers,
    ...(namespace === undefined ? {} : { namespace: { path: request.netnsPath, identity: namespace.identity } }),
    defaultRoute: carries,
    ...(carries && wish.ports.length > 0 ? { portWishes: wish.ports } : {}),
    gatewayPriority: request.gatewayPriority,
    order: (siblings.at(-1)?.order ?? 0) + 1,
  };
  try {
    if (parts.removing.has(network.id)) throw notFound(`network ${network.name} not found`);
    // The kernel works while the record goes to the disk: what a crash leaves without a record is swept.
    const joined = driver.join(network, endpoint, namespace);
    joined.catch(() => undefined);
    try {
      parts.store.saveEndpoint(endpoint, operationOf(network, request));
    } finally {
      await joined;
    }
    if (former !== undefined) parts.store.saveEndpoints([{ ...former, defaultRoute: false, ports: [], portWishes: [] }]);
    if (namespace !== undefined && hasEmbeddedDns(parts, network)) await parts.resolvers.open(request.sandboxId, namespace);
    if (siblings.length > 0) await settleOtherRoutes(parts, request.sandboxId);
    return endpoint;
  } catch (error) {
    if (siblings.length === 0) parts.resolvers.close(request.sandboxId);
    await driver
      .leave(network, endpoint, 'interface')
      .catch((undo: unknown) => parts.logger.warn({ err: undo, endpoint: id }, 'endpoint could not be undone, the sweep will'));
    driver.release(network, endpoint);
    parts.store.deleteEndpoints([id]);
    await publishAgain(parts, former);
    parts.sweepSoon();
    throw error;
  }
}

/** False where the sandbox was told to have none, which its loopback shows. */
const hasIpv6 = ({ kernel }: Parts, namespace: Namespace | undefined): boolean =>
  namespace === undefined || kernel.readSysctlInside(namespace, 'net/ipv6/conf/lo/disable_ipv6') === '0';

/** The endpoint that was to give up its ports keeps them after all, and its default route. */
async function publishAgain(parts: Parts, former: EndpointRecord | undefined): Promise<void> {
  if (former === undefined) return;
  const network = networkOf(parts, former);
  const driver = driverOf(parts, network);
  for (const warning of await driver.restore(network, former)) parts.logger.warn({ endpoint: former.id }, warning);
  const namespace = liveNamespace(parts, former);
  if (namespace === undefined) return;
  try {
    await driver.route(network, former, namespace);
  } finally {
    namespace.close();
  }
}
