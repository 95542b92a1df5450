import { notFound } from '@gantry/rpc';
import type { Namespace } from '../kernel/kernel';
import type { EndpointRecord } from '../store/record';
import { findNetwork } from './find-network';
import type { Parts } from './parts';
import { driverOf, hasEmbeddedDns, networkOf } from './parts';

export interface Disconnect {
  readonly networkRef: string;
  readonly sandboxId: string;
  /** An endpoint that is not there is no error. */
  readonly force: boolean;
}

/** Takes one endpoint away from a sandbox that lives on; its default route moves to the next endpoint that can carry it. */
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
    if (!rest.some((other) => hasEmbeddedDns(networkOf(parts, other)))) parts.resolvers.close(request.sandboxId);
    if (endpoint.defaultRoute) await moveDefaultRoute(parts, rest);
  });
}

async function moveDefaultRoute(parts: Parts, rest: readonly EndpointRecord[]): Promise<void> {
  const heir = rest.find((endpoint) => endpoint.gateway !== '');
  const namespace = heir === undefined ? undefined : liveNamespace(parts, heir);
  if (heir === undefined || namespace === undefined) return;
  try {
    const network = networkOf(parts, heir);
    parts.store.saveEndpoints([{ ...heir, defaultRoute: true }]);
    await driverOf(parts, network).route(network, heir, namespace);
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
