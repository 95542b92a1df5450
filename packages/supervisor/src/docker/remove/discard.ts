import type { CallContext } from '@gantry/rpc';
import type { Engine } from '../engine';
import { ignore } from '../../core/ignore';

/** Id of the lease that keeps a container's snapshot and image; one convention for both faces. */
export function leaseOf(id: string): string {
  return `gantry.container.${id}`;
}

/** Removes a container's snapshot and lease. What is not there any more is fine. */
export async function discardSnapshot(engine: Engine, ctx: CallContext, id: string, snapshotter: string): Promise<void> {
  await Promise.all([
    engine.snapshots.remove(ctx, { snapshotter, key: id }).catch(ignore('notFound')),
    engine.leases.delete(ctx, { id: leaseOf(id), sync: false }).catch(ignore('notFound')),
  ]);
}
