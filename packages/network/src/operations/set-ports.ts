import type { PortWish } from '../ports/port';
import { compareWishes } from '../ports/changes';
import type { EndpointRecord } from '../store/record';
import type { Parts } from './parts';
import { driverOf, networkOf } from './parts';

export interface SetPorts {
  readonly sandboxId: string;
  /** All that the sandbox is to publish from now on. */
  readonly ports: readonly PortWish[];
}

/**
 * Changes what a living sandbox publishes: what was asked for before in the same words stays as it is, the rest of it is given back, then what is new is satisfied;
 * all or none. Until the record is written a crash leaves what was before: sockets die with this process, and the next start makes the rules anew. Answers with
 * the endpoint that carries the ports; undefined where none does.
 */
export function setPorts(parts: Parts, { sandboxId, ports: wishes }: SetPorts): Promise<EndpointRecord | undefined> {
  return parts.locks.run(sandboxId, async () => {
    const router = parts.store.endpointsOfSandbox(sandboxId).find((endpoint) => endpoint.defaultRoute);
    if (router === undefined) return undefined;
    const change = compareWishes(router, wishes);
    if (change.fresh.length === 0 && change.gone.length === 0) return router;
    const network = networkOf(parts, router);
    const driver = driverOf(parts, network);
    const changed = { ...router, ports: await driver.republish(network, router, change), portWishes: wishes };
    try {
      parts.store.saveEndpoints([changed]);
    } catch (error) {
      await driver.unpublish(changed);
      for (const warning of await driver.restore(network, router)) parts.logger.warn({ endpoint: router.id }, warning);
      throw error;
    }
    return changed;
  });
}
