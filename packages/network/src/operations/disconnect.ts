import { notFound } from '@gantry/rpc';
import type { Namespace } from '../kernel/kernel';
import { wishesOf } from '../ports/changes';
import type { PortWish } from '../ports/port';
import type { EndpointRecord } from '../store/record';
import { findNetwork } from './find-network';
import type { Parts } from './parts';
import { settleOtherRoutes } from './other-routes';
import { driverOf, hasEmbeddedDns, networkOf } from './parts';
import { bestRouter } from './ranking';

export interface Disconnect {
  readonly networkRef: string;
  readonly sandboxId: string;
  /** An endpoint that is not there is no error. */
  readonly force: boolean;
}

/**
 * Takes one endpoint away from a sandbox that lives on; its default route and published ports move to the next endpoint that can carry them. Answers with
 * the endpoint that carries them now.
 */
export function disconnect(parts: Parts, request: Disconnect): Promise<EndpointRecord | undefined> {
  const network = findNetwork(parts, request.networkRef);
  return parts.locks.run(request.sandboxId, async () => {
    const endpoint = parts.store.endpointsOfSandbox(request.sandboxId).find((candidate) => candidate.networkId === network.id);
    if (endpoint === undefined) {
      if (request.force) return routerOf(parts, request.sandboxId);
      throw notFound(`container ${request.sandboxId} is not connected to network ${network.name}`);
    }
    const driver = driverOf(parts, network);
    await driver.leave(network, endpoint, 'interface');
    parts.store.deleteEndpoints([endpoint.id]);
    driver.release(network, endpoint);
    const rest = parts.store.endpointsOfSandbox(request.sandboxId);
    if (!rest.some((other) => hasEmbeddedDns(parts, networkOf(parts, other)))) parts.resolvers.close(request.sandboxId);
    if (endpoint.defaultRoute) await moveOutside(parts, rest, wishesOf(endpoint));
    await settleOtherRoutes(parts, request.sandboxId);
    return routerOf(parts, request.sandboxId);
  });
}

const routerOf = (parts: Parts, sandboxId: string): EndpointRecord | undefined =>
  parts.store.endpointsOfSandbox(sandboxId).find((endpoint) => endpoint.defaultRoute);

/** Ports that anything would do for may become others, as with docker. */
async function moveOutside(parts: Parts, rest: readonly EndpointRecord[], portWishes: readonly PortWish[]): Promise<void> {
  const heir = bestRouter(parts, rest);
  const namespace = heir === undefined ? undefined : liveNamespace(parts, heir);
  if (heir === undefined || namespace === undefined) return;
  try {
    const network = networkOf(parts, heir);
    const driver = driverOf(parts, network);
    const promoted = { ...heir, defaultRoute: true, portWishes };
    parts.store.saveEndpoints([promoted]);
    await driver.route(network, promoted, namespace);
    if (portWishes.length === 0) return;
    try {
      parts.store.saveEndpoints([{ ...promoted, ports: await driver.publish(network, promoted, portWishes) }]);
    } catch (error) {
      parts.logger.warn({ err: error, endpoint: heir.id }, `the ports of ${heir.name} could not be published again`);
    }
  } finally {
    namespace.close();
  }
}

/** The endpoint's namespace if it is still the one that it was made in. The caller closes it. */
export function liveNamespace(parts: Pick<Parts, 'kernel'>, endpoint: EndpointRecord): Namespace | undefined {
  if (endpoint.namespace === undefined) return undefined;
  try {
    const namespace = parts.kernel.namespace(endpoint.namespace.path);
    if (namespace.identity === endpoint.namespace.identity) return namespace;
    namespace.close();
  } catch {
    // the path is gone with its process
  }
  return undefined;
}
