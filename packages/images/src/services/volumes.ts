import type { Volume, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type Handlers, invalidArgument } from '@gantry/rpc';
import type { NativeTree } from '../layers/native';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import { microsToRfc3339 } from '../store/time';
import { populate } from '../volumes/populate';
import type { VolumeRecord } from '../volumes/records';
import type { VolumeStore } from '../volumes/store';

export interface VolumesDependencies {
  readonly volumes: VolumeStore;
  readonly snapshotter: RecordedSnapshotter;
  readonly native: NativeTree;
}

type Filters = Readonly<Record<string, { readonly values: readonly string[] }>>;

/** gantry.images.v1.VolumesService. */
export function volumeHandlers(deps: VolumesDependencies): Handlers<VolumesServiceService> {
  const { volumes } = deps;
  return {
    createVolume: async (_ctx, request) => {
      const { volume, created } = volumes.create(request);
      return { volume: wireVolume(volumes, volume), created };
    },
    getVolume: async (_ctx, { name }) => ({ volume: wireVolume(volumes, volumes.get(name)) }),
    listVolumes: async (_ctx, { filters }) => ({
      volumes: volumes
        .list()
        .filter((volume) => accepts(volumes, volume, filters))
        .map((volume) => wireVolume(volumes, volume)),
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
      for (const volume of volumes.list()) {
        // As docker's: what a volume with options is mounted from is not ours to throw away.
        if (Object.keys(volume.options).length > 0) continue;
        if (volumes.users(volume.name).length > 0 || (!everything && !volume.anonymous) || !accepts(volumes, volume, others)) continue;
        const size = await volumes.size(volume.name);
        await volumes.remove(volume.name, true);
        names.push(volume.name);
        spaceReclaimed += BigInt(size);
      }
      return { names, spaceReclaimed };
    },
    addReference: async (_ctx, { name, containerId }) => ({ volume: wireVolume(volumes, await volumes.addReference(name, containerId)) }),
    releaseReference: async (_ctx, { name, containerId }) => {
      await volumes.releaseReference(name, containerId);
      return {};
    },
    populate: async (ctx, { volumeName, snapshotKey, path, subpath }) => ({
      copied: await populate(deps, ctx, { volume: volumeName, snapshotKey, path, subpath }),
    }),
  };
}

export function wireVolume(volumes: VolumeStore, volume: VolumeRecord, size = -1): Volume {
  return {
    name: volume.name,
    driver: 'local',
    mountpoint: volumes.mountpoint(volume.name),
    createdAt: microsToRfc3339(volume.created),
    labels: volume.labels,
    options: volume.options,
    scope: 'local',
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
        return values.includes('local');
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
