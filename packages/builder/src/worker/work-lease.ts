import { randomBytes } from 'node:crypto';
import { FLUSH_LABEL, FLUSH_LATER, workLabels } from '@gantry/api';
import { type CallContext, derive, detached, ignore } from '@gantry/rpc';
import { insist, insistOnMaking } from './insist';
import type { Services } from './services';

/** What names of such leases begin with: at a start there is no work, and those that are there are a former life's. */
export const WORK_LEASE = 'gantry-build-work-';

/** Runs work whose new content and snapshots are held until it is done; by then a name or a record has to lead to what shall stay. */
export async function underLease<T>(
  { leases, inStore }: Pick<Services, 'leases' | 'inStore'>,
  ctx: CallContext,
  work: (ctx: CallContext, lease: string) => Promise<T>,
): Promise<T> {
  const id = `${WORK_LEASE}${randomBytes(8).toString('hex')}`;
  const store = inStore(ctx);
  await insistOnMaking(() => leases.create(detached(store), { id, labels: { ...workLabels(), [FLUSH_LABEL]: FLUSH_LATER } }));
  try {
    return await work(derive(ctx, { lease: id }), id);
  } finally {
    await insist(() => leases.delete(detached(store), { id, sync: false })).catch(ignore('notFound'));
  }
}
