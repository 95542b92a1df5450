import { notFound } from '@gantry/rpc';
import type { Namespace } from '../kernel/kernel';
import type { EndpointRecord } from '../store/record';
import { findNetwork } from './find-network';
import type { Parts } from './parts';
import { driverOf, hasEmbeddedDns, networkOf } from './parts';
import { bestRouter } from './ranking';

export interface Disconnect {
  readonly networkRef: string;
  readonly sandboxId: string;
  /** An endpoint that is not there is no error. */
  readonly force: boolean;
}

/** Takes one endpoint away from a sandbox that lives on; its default route and published ports move to the next endpoint that can carry them. */
export function disconnect(parts: Parts, request: Disconnect): Promise<void> {
  const network = findNetwork(parts, request.networkRef);
  return parts.locks.run(request.sandboxId, async () => {
    const endpoint = parts.store.endpointsOfSandbox(request.sandboxId).find((candidate) => candidate.networkId === network.id);
    if (endpoint === undefined) {
      if (request.force) return;
      throw notFound(`container ${request.sandboxId} is not connected to network ${network.name}`);
    }
    const driver = driverOf(parts, network);
    await driver.leave(network, endpoint, 'interface');
    parts.store.deleteEndpoints([endpoint.id]);
    driver.release(network, endpoint);
    const rest = parts.store.endpointsOfSandbox(request.sandboxId);
    if (!rest.some((other) => hasEmbeddedDns(parts, networkOf(parts, other)))) parts.resolvers.close(request.sandboxId);
    if (endpoint.defaultRoute) await moveOutside(parts, rest, endpoint.ports);
  });
}

async function moveOutside(parts: Parts, rest: readonly EndpointRecord[], ports: EndpointRecord['ports']): Promise<void> {
  const heir = bestRouter(parts, rest);
  const namespace = heir === undefined ? undefined : liveNamespace(parts, heir);
  if (heir === undefined || namespace === undefined) return;
  try {
    const network = networkOf(parts, heir);
    const driver = driverOf(parts, network);
    const promoted = { ...heir, defaultRoute: true, ports: [...heir.ports, ...ports] };
    parts.store.saveEndpoints([promoted]);
    await driver.route(network, promoted, namespace);
    for (const warning of ports.length > 0 ? await driver.restore(network, promoted) : [])
      parts.logger.warn({ endpoint: heir.id }, warning);
  } finally {
    namespace.close();
  }
}

/** The endpoint's namespace if it is still the one that it was made in. The caller closes it. */
export function liveNamespace(parts: Parts, endpoint: EndpointRecord): Namespace | undefined {
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
