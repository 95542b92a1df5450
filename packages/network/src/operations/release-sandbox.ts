import type { EndpointRecord } from '../store/record';
import type { Parts } from './parts';
import { driverOf, networkOf } from './parts';

/**
 * Gives back everything of a sandbox. The interfaces are left to die with the namespace (deleting one costs 16 ms in the kernel); the sweep
 * takes those that do not. Does nothing for an unknown sandbox.
 */
export function releaseSandbox(parts: Parts, sandboxId: string): Promise<void> {
  return parts.locks.run(sandboxId, async () => {
    parts.resolvers.close(sandboxId);
    await dropEndpoints(parts, parts.store.endpointsOfSandbox(sandboxId));
  });
}

/** The caller holds the sandbox's lock. */
export async function dropEndpoints(parts: Parts, endpoints: readonly EndpointRecord[]): Promise<void> {
  if (endpoints.length === 0) return;
  for (const endpoint of endpoints) {
    const network = networkOf(parts, endpoint);
    await driverOf(parts, network).leave(network, endpoint, 'namespace dies');
  }
  parts.store.deleteEndpoints(endpoints.map((endpoint) => endpoint.id));
  for (const endpoint of endpoints) {
    const network = networkOf(parts, endpoint);
    driverOf(parts, network).release(network, endpoint);
  }
  parts.sweepSoon();
}
