import type { EndpointRecord } from '../store/record';
import { liveNamespace } from './disconnect';
import type { Parts } from './parts';
import { releaseSandbox } from './release-sandbox';

export interface LiveSandbox {
  readonly sandboxId: string;
  readonly netnsPath: string;
}

/** Releases every sandbox of an owner that is not named, or that lives in another namespace by now. Answers with their ids. */
export async function reconcile(parts: Parts, live: readonly LiveSandbox[], owner: string): Promise<string[]> {
  const paths = new Map(live.map((sandbox) => [sandbox.sandboxId, sandbox.netnsPath]));
  const isStale = (endpoint: EndpointRecord): boolean => {
    const path = paths.get(endpoint.sandboxId);
    return (
      path === undefined ||
      (path !== '' && endpoint.namespace !== undefined && parts.kernel.identityOf(path) !== endpoint.namespace.identity)
    );
  };
  const gone = new Set(
    parts.store
      .endpoints()
      .filter((endpoint) => (endpoint.owner ?? '') === owner && isStale(endpoint))
      .map((endpoint) => endpoint.sandboxId),
  );
  for (const id of gone) await releaseSandbox(parts, id);
  return [...gone];
}

/** A resolver's sockets keep a dead sandbox's namespace alive: they are closed as soon as its process is gone. */
export function closeDeadResolvers(parts: Parts): void {
  for (const id of parts.resolvers.sandboxes()) {
    const namespaces = parts.store.endpointsOfSandbox(id).map((endpoint) => liveNamespace(parts, endpoint));
    if (namespaces.every((namespace) => namespace === undefined)) parts.resolvers.close(id);
    for (const namespace of namespaces) namespace?.close();
  }
}
