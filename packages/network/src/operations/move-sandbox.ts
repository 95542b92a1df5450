import { failedPrecondition } from '@gantry/rpc';
import type { Parts } from './parts';

/**
 * From here on a sandbox's namespace is found by another path: the process by which it was known leaves it to others. Does nothing for an unknown sandbox.
 * Errors: failedPrecondition for the path of another namespace.
 */
export function moveSandbox(parts: Parts, sandboxId: string, path: string): Promise<void> {
  return parts.locks.run(sandboxId, async () => {
    const endpoints = parts.store.endpointsOfSandbox(sandboxId).filter(({ namespace }) => namespace !== undefined);
    const identity = parts.kernel.identityOf(path);
    if (endpoints.some(({ namespace }) => namespace?.identity !== identity))
      throw failedPrecondition(`${path} is not the network namespace of sandbox ${sandboxId}`);
    parts.store.saveEndpoints(endpoints.map((endpoint) => ({ ...endpoint, namespace: { path, identity: identity ?? '' } })));
  });
}
