import { mkdirSync, promises as fs } from 'node:fs';
import { SIZE_LABEL } from '@gantry/api';
import { type CallContext, ignore, withDeadline } from '@gantry/rpc';
import type { Step } from '../../core/journal';
import type { CreateInput, CreateResults } from './create';
import { makeVolume } from './make-volume';
import { onBaseLayer } from './base-layer';
import { makeImageViews, withView } from '../image-mounts/make';
import { releaseImageViews } from '../image-mounts/release';
import { containerDir } from '../../core/places';
import type { Uses } from '../engine';
import { discardSnapshot } from '../../core/remove/discard';

type Needs = Uses<{
  settings: 'dataRoot';
  events: 'emit';
  volumes: 'addReference' | 'createVolume' | 'populate' | 'releaseReference' | 'removeVolume';
  snapshots: 'prepare' | 'remove' | 'view';
  diffs: 'apply';
  activations: 'deactivate';
  records: 'dockerNamespace';
  leases: 'addResource' | 'delete';
}>;

/** Milliseconds for what a service does at once, for a snapshot (some copy whole trees), and for the content of volumes. */
const ANSWER_MS = 30_000;
const PREPARE_MS = 5 * 60_000;
const COPY_MS = 30 * 60_000;

/** What Create makes outside its own store, in order. Each undo is also what recovery does, and what removal does later. */
export function createSteps(engine: Needs, results?: CreateResults): Step<CreateInput>[] {
  return [
    {
      name: 'snapshot',
      async run(ctx, { id, snapshotter, parent, imageDigest, size = '' }) {
        const lease = ctx.lease ?? '';
        const own = withDeadline(withoutLease(ctx), ANSWER_MS);
        // The snapshot last: the images service writes the lease's changes to the disk together with it.
        const [, { mounts }] = await Promise.all([
          imageDigest === '' ? undefined : engine.leases.addResource(own, { id: lease, resource: { id: imageDigest, type: 'content' } }),
          engine.snapshots.prepare(withDeadline(ctx, PREPARE_MS), {
            snapshotter,
            key: id,
            parent,
            labels: { 'gantry.io/container': id, [SIZE_LABEL]: size },
          }),
        ]);
        const diff = results?.layer;
        if (diff !== undefined) await engine.diffs.apply(withDeadline(ctx, PREPARE_MS), { diff, mounts, payloads: {}, syncFs: false });
        if (results !== undefined) results.rootfs = onBaseLayer(engine.settings.dataRoot, mounts);
      },
      undo: (ctx, { id, snapshotter }) => discardSnapshot(engine, withoutLease(ctx), id, snapshotter),
    },
    {
      name: 'directory',
      async run(_ctx, { id }) {
        mkdirSync(containerDir(engine, id), { recursive: true, mode: 0o700 });
      },
      undo: (_ctx, { id }) => fs.rm(containerDir(engine, id), { recursive: true, force: true }),
    },
    {
      name: 'images',
      run: (ctx, { id, views = [] }) => makeImageViews(engine, withDeadline(ctx, PREPARE_MS), id, views),
      undo: (ctx, { views = [] }) => releaseImageViews(engine, withoutLease(ctx), views),
    },
    {
      name: 'volumes',
      async run(ctx, { id, views = [] }) {
        const own = withDeadline(withoutLease(ctx), COPY_MS);
        for (const plan of results?.planned ?? []) {
          results?.mounts.push(plan.record.type === 'volume' ? await attachVolume(engine, own, id, plan) : withView(plan.record, views));
        }
      },
      async undo(ctx, { id, volumes }) {
        for (const { name, anonymous } of volumes) {
          await engine.volumes.releaseReference(withoutLease(ctx), { name, containerId: id, keep: false }).catch(ignore('notFound'));
          if (anonymous)
            await engine.volumes
              .removeVolume(withoutLease(ctx), { name, force: true })
              .catch(ignore('notFound', 'conflict', 'failedPrecondition'));
        }
      },
    },
  ];
}

async function attachVolume(
  engine: Needs,
  ctx: CallContext,
  id: string,
  { record, volume }: CreateResults['planned'][number],
): Promise<typeof record> {
  if (volume !== undefined) await makeVolume(engine, ctx, { record, volume });
  const { volume: ready } = await engine.volumes.addReference(
    ctx,
    { name: record.name, containerId: id, mount: false },
    { timeoutMs: ANSWER_MS },
  );
  if (record.copyUp)
    await engine.volumes.populate(ctx, {
      volumeName: record.name,
      snapshotKey: id,
      path: record.destination,
      subpath: record.subpath,
    });
  const mountpoint = ready?.mountpoint ?? '';
  return { ...record, source: mountpoint, driver: ready?.driver ?? record.driver };
}

function withoutLease(ctx: CallContext): CallContext {
  const { lease: _lease, ...rest } = ctx;
  return rest;
}
