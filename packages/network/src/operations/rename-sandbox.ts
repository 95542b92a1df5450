import { driverOf, networkOf, type Parts } from './parts';

/** Changes the name that the sandbox's endpoints resolve by. Does nothing for an unknown sandbox. */
export function renameSandbox(parts: Parts, sandboxId: string, name: string): Promise<void> {
  return parts.locks.run(sandboxId, async () => {
    const renamed = parts.store.endpointsOfSandbox(sandboxId).map((endpoint) => ({ ...endpoint, name }));
    parts.store.saveEndpoints(renamed);
    for (const endpoint of renamed) await driverOf(parts, networkOf(parts, endpoint)).announce?.(endpoint);
  });
}
