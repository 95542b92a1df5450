import { FLUSH_LABEL, FLUSH_LATER } from '@gantry/api';
import { type CallContext, ignore, type Logger } from '@gantry/rpc';
import type { RecordTable } from './records/table';
import { abortUploads } from '../worker/content';
import { WORK_LEASE } from '../worker/work-lease';
import { LEASE, OWN, type Snapshots, type StoreServices } from './snapshots';

/**
 * After a start the lease and the records say the same: what the lease holds and no record names is let go (a tree that was being written, a view), and a record
 * whose snapshot is gone goes with all that stand on it.
 */
export async function reconcile(
  { services, snapshots, records, logger }: { services: StoreServices; snapshots: Snapshots; records: RecordTable; logger: Logger },
  ctx: CallContext,
): Promise<void> {
  const leased = snapshots.leased(ctx);
  await services.leases.create(services.inStore(ctx), { id: LEASE, labels: { [FLUSH_LABEL]: FLUSH_LATER } }).catch(ignore('alreadyExists'));
  await endFormerWork(services, ctx);
  const { resources } = await services.leases.listResources(leased, { id: LEASE });
  const type = `snapshots/${snapshots.name}`;
  const named = new Set<string>();
  const blobs = new Set(records.blobs().map(({ blob }) => blob.digest as string));
  for (const { snapshot, blob } of records.all()) {
    if (snapshot !== '') named.add(snapshot);
    if (blob !== undefined) blobs.add(blob.digest);
  }
  for (const resource of resources) {
    if (resource.type === type && named.has(resource.id)) continue;
    if (resource.type === 'content' && blobs.has(resource.id)) continue;
    logger.debug({ type: resource.type, id: resource.id }, 'left by an earlier run: let go');
    await services.leases.deleteResource(leased, { id: LEASE, resource });
  }
  const there = new Set<string>();
  for await (const { info } of services.snapshots.list(leased, { snapshotter: snapshots.name, filters: [] }))
    for (const { name } of info) there.add(name);
  await removeLeftOvers(
    snapshots,
    ctx,
    [...there].filter((name) => name.startsWith(OWN) && !named.has(name)),
  );
  for (const record of [...records.all()]) {
    if (record.snapshot === '' || there.has(record.snapshot)) continue;
    logger.info({ id: record.id, snapshot: record.snapshot }, 'a tree whose snapshot is gone is forgotten');
    forget(records, record.id);
  }
}

/** What work that was under way when the builder ended still holds, and has half written. */
async function endFormerWork({ leases, content, inStore }: StoreServices, ctx: CallContext): Promise<void> {
  const store = inStore(ctx);
  const { leases: all } = await leases.list(store, { filters: [] });
  for (const { id } of all) if (id.startsWith(WORK_LEASE)) await leases.delete(store, { id, sync: false });
  await abortUploads(content, store);
}

/** Those that others stand on go after them. */
async function removeLeftOvers(snapshots: Snapshots, ctx: CallContext, names: readonly string[]): Promise<void> {
  let left = names;
  for (let before = Infinity; left.length > 0 && left.length < before;) {
    before = left.length;
    const kept: string[] = [];
    for (const name of left) await snapshots.remove(ctx, name).catch(() => kept.push(name));
    left = kept;
  }
}

/** A record goes with all that stand on it. */
export function forget(records: RecordTable, id: string): void {
  for (const child of [...records.childrenOf(id)]) forget(records, child);
  records.delete(id);
}
