import type { Volume, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import type { NativeTree } from '../layers/native';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { microsToRfc3339 } from '../store/time';
import { hasContent, populate } from '../volumes/populate';
import type { VolumeRecord } from '../volumes/records';
import { LOCAL, type VolumeStore } from '../volumes/store';
import type { Volumes } from '../volumes/volumes';

export interface VolumesDependencies {
  readonly volumes: Volumes;
  readonly snapshotter: RecordedSnapshotter;
  readonly native: NativeTree;
}

type Filters = Readonly<Record<string, { readonly values: readonly string[] }>>;

/** gantry.images.v1.VolumesService. */
export function volumeHandlers(deps: VolumesDependencies): Handlers<VolumesServiceService> {
  const { volumes } = deps;
  const { store } = volumes;
  return {
    createVolume: async (_ctx, request) => {
      const { volume, created } = await volumes.create(request);
      return { volume: wireVolume(store, volume), created };
    },
    getVolume: async (_ctx, { name }) => ({ volume: wireVolume(store, await volumes.get(name)) }),
    listVolumes: async (_ctx, { filters }) => ({
      volumes: (await volumes.list()).filter((volume) => accepts(store, volume, filters)).map((volume) => wireVolume(store, volume)),
    }),
    removeVolume: async (_ctx, { name, force }) => {
      await volumes.remove(name, force);
      return {};
    },
    pruneVolumes: async (_ctx, { filters }) => {
      const { all, ...others } = filters;
      const everything = ['true', '1'].includes(all?.values[0] ?? '');
      const names: string[] = [];
      let spaceReclaimed = 0n;
      for (const volume of store.list()) {
        // As docker's: what a volume with options is mounted from is not ours to throw away.
        if (Object.keys(volume.options).length > 0) continue;
        if (store.users(volume.name).length > 0 || (!everything && !volume.anonymous) || !accepts(store, volume, others)) continue;
        const size = Math.max(0, await store.size(volume.name));
        await volumes.remove(volume.name, true);
        names.push(volume.name);
        spaceReclaimed += BigInt(size);
      }
      return { names, spaceReclaimed };
    },
    addReference: async (_ctx, { name, containerId, mount }) => ({
      volume: wireVolume(store, await volumes.addReference(name, containerId, mount)),
    }),
    releaseReference: async (_ctx, { name, containerId, keep }) => {
      await volumes.releaseReference(name, containerId, keep);
      return {};
    },
    populate: async (ctx, { volumeName, snapshotKey, path, subpath }) => {
      const parts = { ...deps, volumes: store };
      const fill = () => populate(parts, ctx, { volume: volumeName, snapshotKey, path, subpath });
      if (store.get(volumeName).driver === LOCAL) return { copied: await fill() };
      // A plugin mounts for those that have something to copy.
      if (!(await hasContent(parts, ctx, { snapshotKey, path }))) return { copied: false };
      return { copied: await volumes.withMounted(volumeName, snapshotKey, fill) };
    },
  };
}

export function wireVolume(volumes: VolumeStore, volume: VolumeRecord, size = -1): Volume {
  return {
    name: volume.name,
    driver: volume.driver,
    mountpoint: volume.driver === LOCAL ? volumes.mountpoint(volume.name) : volume.mountpoint,
    createdAt: microsToRfc3339(volume.created),
    labels: volume.labels,
    options: volume.options,
    scope: volume.scope,
    anonymous: volume.anonymous,
    size: BigInt(size),
    containerIds: volumes.users(volume.name),
  };
}

function accepts(volumes: VolumeStore, volume: VolumeRecord, filters: Filters): boolean {
  return Object.entries(filters).every(([key, { values }]) => {
    const labelled = (wanted: string): boolean => {
      const equals = wanted.indexOf('=');
      const name = equals < 0 ? wanted : wanted.slice(0, equals);
      return Object.hasOwn(volume.labels, name) && (equals < 0 || volume.labels[name] === wanted.slice(equals + 1));
    };
    switch (key) {
      case 'name':
        return values.some((value) => volume.name.includes(value));
      case 'driver':
        return values.includes(volume.driver);
      case 'label':
        return values.every(labelled);
      case 'label!':
        return !values.some(labelled);
      case 'dangling':
        return values.every((value) => ['true', '1'].includes(value) === (volumes.users(volume.name).length === 0));
      default:
        throw invalidArgument(`invalid filter '${key}'`);
    }
  });
}
