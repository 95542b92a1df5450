import type { EndpointRecord } from '../store/record';
import { liveNamespace } from './disconnect';
import { driverOf, networkOf, type Parts } from './parts';
import { ranked } from './ranking';

/** Gateway of an endpoint in a family; empty for none. */
const gatewayIn = (family: 4 | 6, { gateway, ipv6 }: Pick<EndpointRecord, 'gateway' | 'ipv6'>): string =>
  family === 4 ? gateway : (ipv6?.gateway ?? '');

/**
 * A sandbox whose default route and ports are with a network of one family has the default route of the other by the best endpoint that has that. The caller holds
 * the sandbox's lock.
 */
export async function settleOtherRoutes(parts: Parts, sandboxId: string): Promise<void> {
  const endpoints = parts.store.endpointsOfSandbox(sandboxId);
  const router = endpoints.find(({ defaultRoute }) => defaultRoute);
  const candidates = ranked(parts, endpoints);
  const missing = ([4, 6] as const).filter((family) => router !== undefined && gatewayIn(family, router) === '');
  for (const endpoint of endpoints) {
    const wanted = missing.filter((family) => candidates.find((each) => gatewayIn(family, each) !== '') === endpoint);
    const present = endpoint.otherRoutes ?? [];
    if (wanted.join() === present.join()) continue;
    const changed = { ...endpoint, otherRoutes: wanted };
    parts.store.saveEndpoints([changed]);
    const namespace = wanted.length === 0 ? undefined : liveNamespace(parts, endpoint);
    if (namespace === undefined) continue;
    try {
      const network = networkOf(parts, endpoint);
      await driverOf(parts, network).route(network, changed, namespace);
    } finally {
      namespace.close();
    }
  }
}
