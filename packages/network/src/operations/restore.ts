import { errorText } from '@gantry/rpc';
import type { NetworkRecord } from '../store/record';
import { liveNamespace } from './disconnect';
import type { Parts } from './parts';
import { driverOf, hasEmbeddedDns, networkOf } from './parts';

/**
 * Brings the kernel to what the store says, after a restart, a kill or a reboot: bridges, host ports, then (by `install`) the nft table
 * in one transaction, then interfaces and resolvers of the sandboxes that live. Sandboxes that are gone keep their records until
 * Reconcile. Answers with what could not be had.
 */
export async function restore(parts: Parts, install: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  for (const network of parts.store.networks())
    await attempt(parts, warnings, `network ${network.name}`, () => driverOf(parts, network).ensure(network));
  for (const endpoint of parts.store.endpoints()) {
    const network = networkOf(parts, endpoint);
    await attempt(parts, warnings, `endpoint of ${endpoint.name}`, async () => {
      warnings.push(...(await driverOf(parts, network).restore(network, endpoint)));
    });
  }
  await install();
  for (const network of parts.store.networks()) await rejoin(parts, warnings, network);
  return warnings;
}

async function rejoin(parts: Parts, warnings: string[], network: NetworkRecord): Promise<void> {
  for (const endpoint of parts.store.endpointsOfNetwork(network.id)) {
    const namespace = liveNamespace(parts, endpoint);
    if (namespace === undefined) continue;
    try {
      await attempt(parts, warnings, `endpoint of ${endpoint.name}`, async () => {
        await driverOf(parts, network).join(network, endpoint, namespace);
        if (hasEmbeddedDns(parts, network)) await parts.resolvers.open(endpoint.sandboxId, namespace);
      });
    } finally {
      namespace.close();
    }
  }
}

/** One network or endpoint that cannot be restored must not keep the others down. */
async function attempt(parts: Parts, warnings: string[], what: string, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    const text = `${what} could not be restored: ${errorText(error)}`;
    parts.logger.error({ err: error }, text);
    warnings.push(text);
  }
}
