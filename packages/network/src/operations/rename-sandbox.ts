import type { Parts } from './parts';

/** Changes the name that the sandbox's endpoints resolve by. Does nothing for an unknown sandbox. */
export function renameSandbox(parts: Parts, sandboxId: string, name: string): Promise<void> {
  return parts.locks.run(sandboxId, () => {
    parts.store.saveEndpoints(parts.store.endpointsOfSandbox(sandboxId).map((endpoint) => ({ ...endpoint, name })));
    return Promise.resolve();
  });
}
