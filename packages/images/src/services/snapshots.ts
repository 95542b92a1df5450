import type { Info, SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Mount as WireMount } from '@gantry/api/containerd/types/types';
import { type Handlers, invalidArgument, isErrorOf } from '@gantry/rpc';
import type { SnapshotRecord } from '../snapshots/records';
import type { Mount, Snapshotter } from '../snapshots/snapshotter';
import { parseFilters } from '../store/filters';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import { microsToTimestamp } from '../store/time';

const PAGE = 100;

/** Every snapshotter by its name; the empty name means the default. */
export type Snapshotters = Readonly<Record<string, Snapshotter>>;

export interface SnapshotServing {
  readonly snapshotters: Snapshotters;
  /** The name that an empty one means. */
  readonly fallback: string;
  /** Lays an image out whose top layer would be this snapshot of the default snapshotter; false when there is no such image. */
  readonly ensure: (scope: Scope, name: string) => Promise<boolean>;
}

/** containerd.services.snapshots.v1.Snapshots. */
export function snapshotHandlers({ snapshotters, fallback, ensure }: SnapshotServing): Handlers<SnapshotsService> {
  const of = (name: string): Snapshotter => {
    const wanted = name === '' ? fallback : name;
    const found = Object.hasOwn(snapshotters, wanted) ? snapshotters[wanted] : undefined;
    if (found === undefined) throw invalidArgument(`snapshotter not loaded: ${wanted}`);
    return found;
  };
  /** An image may have been unpacked for another snapshotter only: docker's containers do not have to care. */
  const prepare = async (
    snapshotter: Snapshotter,
    scope: Scope,
    { key, parent, labels }: { readonly key: string; readonly parent: string; readonly labels: Labels },
  ): Promise<readonly Mount[]> => {
    try {
      return await snapshotter.prepare(scope, key, parent, labels);
    } catch (error) {
      if (snapshotter.name !== fallback || !isErrorOf(error, 'notFound') || parent === '' || !(await ensure(scope, parent))) throw error;
      return snapshotter.prepare(scope, key, parent, labels);
    }
  };
  return {
    prepare: async (ctx, { snapshotter, key, parent, labels }) => ({
      mounts: (await prepare(of(snapshotter), ctx, { key, parent, labels })).map(wireMount),
    }),
    view: async (ctx, { snapshotter, key, parent, labels }) => ({
      mounts: (await of(snapshotter).view(ctx, key, parent, labels)).map(wireMount),
    }),
    mounts: async (ctx, { snapshotter, key }) => ({ mounts: (await of(snapshotter).mounts(ctx, key)).map(wireMount) }),
    commit: async (ctx, { snapshotter, name, key, labels, parent }) => {
      await of(snapshotter).commit(ctx, name, key, { labels, parent });
      return {};
    },
    remove: async (ctx, { snapshotter, key }) => {
      await of(snapshotter).remove(ctx, key);
      return {};
    },
    stat: async (ctx, { snapshotter, key }) => ({ info: wireInfo(of(snapshotter).stat(ctx, key)) }),
    update: async (ctx, { snapshotter, info, updateMask }) => {
      if (info === undefined) throw invalidArgument('snapshot info is missing');
      return { info: wireInfo(of(snapshotter).update(ctx, info.name, info.labels, updateMask ?? [])) };
    },
    list: async function* (ctx, { snapshotter, filters }) {
      const infos = of(snapshotter).list(ctx, parseFilters(filters)).map(wireInfo);
      for (let at = 0; at < infos.length; at += PAGE) yield { info: infos.slice(at, at + PAGE) };
    },
    usage: async (ctx, { snapshotter, key }) => {
      const { size, inodes } = await of(snapshotter).usage(ctx, key);
      return { size: BigInt(size), inodes: BigInt(inodes) };
    },
    cleanup: async (_ctx, { snapshotter }) => {
      await of(snapshotter).cleanup();
      return {};
    },
  };
}

export function wireMount(mount: Mount): WireMount {
  return { type: mount.type, source: mount.source, target: '', options: [...mount.options] };
}

function wireInfo(record: SnapshotRecord): Info {
  return {
    name: record.name,
    parent: record.parentName,
    kind: record.kind,
    createdAt: microsToTimestamp(record.created),
    updatedAt: microsToTimestamp(record.updated),
    labels: record.labels,
  };
}
