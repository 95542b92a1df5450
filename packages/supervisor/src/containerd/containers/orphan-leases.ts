import type { Lease, LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { type CallContext, derive, ignore, type Logger, type ServiceClient } from '@gantry/rpc';
import type { Records } from '../../core/records';
import { CONTAINER_LABEL } from './lease';

interface OrphanNeeds {
  readonly records: Pick<Records, 'get' | 'namespaces'>;
  readonly leases: Pick<ServiceClient<typeof LeasesService>, 'delete' | 'list'>;
  readonly logger: Logger;
}

/**
 * Releases the leases of containers that have no record: a crash between lease and record, or between record and lease, left them.
 * Only those from before `since` (seconds since the epoch) are looked at: a younger one belongs to a creation under way.
 */
export async function releaseOrphanLeases({ records, leases, logger }: OrphanNeeds, ctx: CallContext, since: bigint): Promise<void> {
  for (const { name } of records.namespaces.list()) {
    const inside = derive(ctx, { namespace: name });
    const { leases: found } = await leases.list(inside, { filters: [`labels."${CONTAINER_LABEL}"`] }, { waitForReady: true });
    for (const lease of found.filter((one) => isOrphan(records, name, one, since))) {
      await leases.delete(inside, { id: lease.id, sync: false }).catch(ignore('notFound'));
      logger.info({ namespace: name, lease: lease.id }, 'released the lease of a container that is gone');
    }
  }
}

function isOrphan(records: Pick<Records, 'get'>, namespace: string, lease: Lease, since: bigint): boolean {
  const container = lease.labels[CONTAINER_LABEL];
  return container !== undefined && records.get(namespace, container) === undefined && (lease.createdAt?.seconds ?? 0n) < since;
}
