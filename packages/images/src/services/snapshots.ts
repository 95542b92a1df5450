import type { Info, SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Mount as WireMount } from '@gantry/api/containerd/types/types';
import { type CallContext, type Handlers, invalidArgument, isErrorOf } from '@gantry/rpc';
import { SIZE_LABEL } from '@gantry/api';
import type { SnapshotRecord } from '../snapshots/records';
import type { Mount, Snapshotter } from '../snapshots/snapshotter';
import { compileFilters } from '@gantry/oci/filter';
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

/** Where the snapshots of a call are. */
interface Place {
  readonly snapshotter: Snapshotter;
  readonly scope: Scope;
}

/** What containerd may call a plugin. */
const NAME = /^[A-Za-z0-9][\w.-]{0,75}$/;

/**
 * containerd.services.snapshots.v1.Snapshots. For a client of this service that calls it by a name of its own (containerd, which has it as a proxy
 * snapshotter) it is a plain snapshotter, the default one: containerd's store keeps account of names, leases and namespaces, asks for them all at once
 * whatever the namespace, and removes what it does not know. So each such name has its own snapshots, which nothing else sees.
 */
export function snapshotHandlers({ snapshotters, fallback, ensure }: SnapshotServing): Handlers<SnapshotsService> {
  const named = (name: string): Snapshotter | undefined => (Object.hasOwn(snapshotters, name) ? snapshotters[name] : undefined);
  const of = (ctx: CallContext, name: string): Place => {
    const snapshotter = named(name === '' ? fallback : name);
    if (snapshotter !== undefined) return { snapshotter, scope: ctx };
    const own = named(fallback);
    if (own === undefined || ctx.via !== undefined || !NAME.test(name)) throw invalidArgument(`snapshotter not loaded: ${name}`);
    return { snapshotter: own, scope: { namespace: `proxy:${name}`, kept: true } };
  };
  /** An image may have been unpacked for another snapshotter only, or not be of this host's platform: docker's containers do not have to care. */
  const over = async (
    verb: 'prepare' | 'view',
    { snapshotter, scope }: Place,
    { key, parent, labels }: { readonly key: string; readonly parent: string; readonly labels: Labels },
  ): Promise<readonly Mount[]> => {
    if ((labels[SIZE_LABEL] ?? '') !== '' && !snapshotter.holdsSizes)
      throw invalidArgument(`--storage-opt size is not supported by the ${snapshotter.name} snapshotter: it is for overlayfs`);
    try {
      return await snapshotter[verb](scope, key, parent, labels);
    } catch (error) {
      if (
        snapshotter.name !== fallback ||
        scope.kept === true ||
        !isErrorOf(error, 'notFound') ||
        parent === '' ||
        !(await ensure(scope, parent))
      )
        throw error;
      return snapshotter[verb](scope, key, parent, labels);
    }
  };
  return {
    prepare: async (ctx, { snapshotter, key, parent, labels }) => ({
      mounts: (await over('prepare', of(ctx, snapshotter), { key, parent, labels })).map(wireMount),
    }),
    view: async (ctx, { snapshotter, key, parent, labels }) => ({
      mounts: (await over('view', of(ctx, snapshotter), { key, parent, labels })).map(wireMount),
    }),
    mounts: async (ctx, { snapshotter, key }) => {
      const at = of(ctx, snapshotter);
      return { mounts: (await at.snapshotter.mounts(at.scope, key)).map(wireMount) };
    },
    commit: async (ctx, { snapshotter, name, key, labels, parent }) => {
      const at = of(ctx, snapshotter);
      await at.snapshotter.commit(at.scope, name, key, { labels, parent });
      return {};
    },
    remove: async (ctx, { snapshotter, key }) => {
      const at = of(ctx, snapshotter);
      await at.snapshotter.remove(at.scope, key);
      return {};
    },
    stat: async (ctx, { snapshotter, key }) => {
      const at = of(ctx, snapshotter);
      return { info: wireInfo(at.snapshotter.stat(at.scope, key)) };
    },
    update: async (ctx, { snapshotter, info, updateMask }) => {
      if (info === undefined) throw invalidArgument('snapshot info is missing');
      const at = of(ctx, snapshotter);
      return { info: wireInfo(at.snapshotter.update(at.scope, info.name, info.labels, updateMask ?? [])) };
    },
    list: async function* (ctx, { snapshotter, filters }) {
      const at = of(ctx, snapshotter);
      const infos = at.snapshotter.list(at.scope, compileFilters(filters)).map(wireInfo);
      for (let from = 0; from < infos.length; from += PAGE) yield { info: infos.slice(from, from + PAGE) };
    },
    usage: async (ctx, { snapshotter, key }) => {
      const at = of(ctx, snapshotter);
      const { size, inodes } = await at.snapshotter.usage(at.scope, key);
      return { size: BigInt(size), inodes: BigInt(inodes) };
    },
    cleanup: async (ctx, { snapshotter }) => {
      await of(ctx, snapshotter).snapshotter.cleanup();
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
