import { type CallContext, ignore } from '@gantry/rpc';
import type { Core } from '../core';

/** Id of the lease that keeps a container's snapshot and image; one convention for every face. */
export function leaseOf(id: string): string {
  return `gantry.container.${id}`;
}

type Needs = Pick<Core, 'snapshots'> & { readonly leases: Pick<Core['leases'], 'delete'> };

/** Removes a container's snapshot and lease. What is not there any more is fine. */
export async function discardSnapshot(core: Needs, ctx: CallContext, id: string, snapshotter: string): Promise<void> {
  await Promise.all([
    core.snapshots.remove(ctx, { snapshotter, key: id }).catch(ignore('notFound')),
    core.leases.delete(ctx, { id: leaseOf(id), sync: false }).catch(ignore('notFound')),
  ]);
}
