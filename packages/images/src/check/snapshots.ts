import { randomBytes } from 'node:crypto';
import { withMounts } from '@gantry/linux';
import { errorText, failedPrecondition, isErrorOf } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { DiffApplier } from '../diff/apply';
import { underLease } from '../docker/operation';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { Kind, type SnapshotRecord } from '../snapshots/records';
import type { TreeDifference, Trees } from '../snapshots/trees';
import type { Database } from '../store/database';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import type { Finding } from './finding';
import type { Exchange } from './exchange-trees';
import type { Recipe, WantedBlobs } from './wanted';

export interface SnapshotCheck {
  readonly db: Database;
  readonly content: ContentStore;
  readonly leases: LeaseTable;
  readonly applier: DiffApplier;
  readonly compared: Trees;
  readonly exchange: Exchange;
  readonly wanted: WantedBlobs;
  /** Digests that were found wrong: nothing is told by them. */
  readonly broken: ReadonlySet<string>;
  readonly counted: (verified: boolean) => void;
}

/** Presence of every tree, trees without record, and what committed snapshots of images hold against their layers. */
export async function* checkSnapshots(check: SnapshotCheck, snapshotter: RecordedSnapshotter): AsyncGenerator<Finding> {
  await snapshotter.cleanup();
  const here = { object: 'snapshot' as const };
  const records = snapshotter.table.all();
  const missing = new Set((await snapshotter.missing(records)).map(({ id }) => id));
  for (const record of records.filter(({ id }) => missing.has(id))) {
    if (snapshotter.table.byId(record.id) === undefined) continue;
    const namespace = snapshotter.table.namespaceOf(record.id);
    yield {
      ...here,
      problem: 'missing',
      id: record.name,
      namespace,
      detail: `${snapshotter.name} has no tree of it`,
      repair: () => remake(check, snapshotter, { record, namespace }),
    };
  }
  await snapshotter.cleanup(); // what a repair took away meanwhile
  for (const name of await snapshotter.strays()) {
    yield {
      ...here,
      problem: 'orphaned',
      id: name,
      namespace: '',
      detail: `${snapshotter.name} has a tree without record`,
      repair: () => snapshotter.removeStray(name).then(() => 'removed'),
    };
  }
  // Parents first: a copy of a wrong tree is wrong, too.
  const wrong = new Set<number>(missing);
  for (const record of records.reverse()) {
    if (record.kind !== Kind.committed || missing.has(record.id)) continue;
    const namespace = snapshotter.table.namespaceOf(record.id);
    const recipe = check.wanted.recipes.get(`${namespace} ${record.name}`);
    if (
      recipe === undefined ||
      check.broken.has(recipe.layer) ||
      !check.content.has({ namespace }, recipe.layer) ||
      (record.parent !== null && wrong.has(record.parent))
    ) {
      check.counted(false);
      continue;
    }
    const difference = await differenceOf(check, snapshotter, { record, namespace, recipe });
    check.counted(difference !== NO_ROOM);
    if (difference === undefined || difference === NO_ROOM || snapshotter.table.byId(record.id) === undefined) continue;
    wrong.add(record.id);
    yield {
      ...here,
      problem: 'altered',
      id: record.name,
      namespace,
      detail: `${snapshotter.name}: ${difference}`,
      repair: async () => {
        const done = await remake(check, snapshotter, { record, namespace });
        wrong.delete(record.id);
        return done;
      },
    };
  }
}

/** The layer could not be laid out a second time, because the disk is full. */
const NO_ROOM = Symbol('no room');

interface Subject {
  readonly record: SnapshotRecord;
  readonly namespace: string;
}

/** The layer laid out a second time, beside the snapshot, for as long as fn runs. */
async function withFresh<T>(
  check: SnapshotCheck,
  snapshotter: RecordedSnapshotter,
  { namespace, recipe }: { readonly namespace: string; readonly recipe: Recipe },
  fn: (fresh: SnapshotRecord, scope: Scope) => Promise<T>,
): Promise<T> {
  return underLease(check.leases, { namespace }, 'check', async (scope) => {
    const key = `gantry-extract-${randomBytes(8).toString('hex')}`;
    try {
      const mounts = await snapshotter.prepare(scope, key, recipe.parent, {});
      const applied = await check.applier.apply(scope, recipe.layer, mounts);
      if (applied.digest !== recipe.diffId)
        throw failedPrecondition(`layer ${recipe.layer} unpacks to ${applied.digest} instead of ${recipe.diffId}`);
      return await fn(snapshotter.stat(scope, key), scope);
    } finally {
      if (snapshotter.find(scope, key) !== undefined) await snapshotter.remove(scope, key);
    }
  });
}

async function differenceOf(
  check: SnapshotCheck,
  snapshotter: RecordedSnapshotter,
  { record, namespace, recipe }: Subject & { readonly recipe: Recipe },
): Promise<string | typeof NO_ROOM | undefined> {
  try {
    return await withFresh(check, snapshotter, { namespace, recipe }, async (fresh, scope) => {
      const own = check.exchange.layersOf(snapshotter, record, fresh);
      const shown = (): Promise<TreeDifference[]> =>
        snapshotter.withParent(record, (old) =>
          withMounts(old, async (left) =>
            withMounts(await snapshotter.mounts(scope, fresh.name), (right) => check.compared.compare(left, right, { content: true })),
          ),
        );
      // A layer that a step left may hold what lies below it already, a folder that was only touched: what counts is what it shows.
      const same = own !== undefined && (await check.compared.compare(own.old, own.fresh, { content: true })).length === 0;
      const found = same ? [] : await shown();
      if (found.length === 0) return undefined;
      const leaves = found.filter(({ path }) => !found.some((other) => other.path.startsWith(`${path}/`)));
      const words = { added: 'is gone', deleted: 'is too much', modified: 'differs' };
      const told = leaves.slice(0, 3).map(({ kind, path }) => `${Buffer.from(path, 'latin1').toString()} ${words[kind]}`);
      return `${told.join(', ')}${leaves.length > 3 ? ` and ${leaves.length - 3} more` : ''}`;
    });
  } catch (error) {
    if (isErrorOf(error, 'resourceExhausted') || /no space left|disk is full/i.test(errorText(error))) return NO_ROOM;
    return `it cannot be compared: ${errorText(error)}`;
  }
}

/** Unpacks the layer again; a snapshot that nothing tells how to make and that nothing lies on is forgotten. */
async function remake(check: SnapshotCheck, snapshotter: RecordedSnapshotter, { record, namespace }: Subject): Promise<string> {
  const recipe = check.wanted.recipes.get(`${namespace} ${record.name}`);
  if (recipe !== undefined && record.kind === Kind.committed && check.content.has({ namespace }, recipe.layer)) {
    return withFresh(check, snapshotter, { namespace, recipe }, async (fresh) => {
      await check.exchange.put(snapshotter, record, fresh);
      return `unpacked again from ${recipe.layer}`;
    });
  }
  if (snapshotter.table.hasChildren(record.id)) throw failedPrecondition('no layer here tells what it held, and other snapshots lie on it');
  await snapshotter.remove({ namespace }, record.name);
  return 'forgotten: no layer here tells what it held';
}
