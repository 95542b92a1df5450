import type { EngineVolumesServiceService } from '@gantry/api/gantry/engine/v1/resources';
import type { Volume, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { conflict, type Handlers, internal, invalidArgument, isErrorOf, notFound, type ServiceClient } from '@gantry/rpc';
import type { DockerEvents } from '../events';
import type { DockerRecords } from '../records';
import { checkFilterKeys, filterFlag, filterValues, type FilterMap, labelsMatch, patternFilter } from '../filters';
import { dockerVolume } from './shapes';
import { VolumeUsage } from './usage';
import { checkVolume } from './validate';

export interface VolumesNeeds {
  readonly volumes: ServiceClient<typeof VolumesServiceService>;
  readonly records: Pick<DockerRecords, 'listDocker'>;
  readonly events: Pick<DockerEvents, 'emit'>;
}

/** gantry.engine.v1.EngineVolumesService: volumes of the images service, with their use from the records and docker's events. */
export function volumesHandlers({ volumes, records, events }: VolumesNeeds): Handlers<typeof EngineVolumesServiceService> {
  const tell = (action: 'create' | 'destroy', name: string, driver: string): void => {
    events.emit({ type: 'volume', action, id: name, attributes: { driver: driver || 'local' } });
  };

  return {
    async listVolumes(ctx, { filters }) {
      checkFilterKeys(filters, ['dangling', 'driver', 'label', 'name']);
      const { volumes: all } = await volumes.listVolumes(ctx, { filters: {} });
      const matches = volumeFilter(filters, new VolumeUsage(records));
      return { volumes: all.filter(matches).map((volume) => dockerVolume(volume)), warnings: [] };
    },
    async inspectVolume(ctx, { name }) {
      const { volume } = await volumes.getVolume(ctx, { name });
      if (volume === undefined) throw notFound(`get ${name}: no such volume`);
      return { volume: dockerVolume(volume) };
    },
    async createVolume(ctx, { options }) {
      const { Name: name = '', Driver: driver = '', DriverOpts = {}, Labels = {} } = options ?? {};
      checkVolume(name);
      const { volume, created } = await volumes.createVolume(ctx, { name, driver, options: DriverOpts, labels: Labels });
      if (volume === undefined) throw internal(`create ${name}: the volume service answered without a volume`);
      if (created) tell('create', volume.name, volume.driver);
      return { volume: dockerVolume(volume) };
    },
    async removeVolume(ctx, { name, force }) {
      if (name === '') throw invalidArgument('volume name must not be empty');
      const volume = await volumes.getVolume(ctx, { name }).then(
        (answer) => answer.volume,
        (error: unknown) => {
          if (force && isErrorOf(error, 'notFound')) return undefined;
          throw error;
        },
      );
      if (volume === undefined) return {};
      const users = new VolumeUsage(records).of(volume);
      if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
      await volumes.removeVolume(ctx, { name: volume.name, force });
      tell('destroy', volume.name, volume.driver);
      return {};
    },
    async pruneVolumes(ctx, { filters }) {
      checkFilterKeys(filters, ['all', 'label', 'label!']);
      const { names, spaceReclaimed } = await volumes.pruneVolumes(ctx, { filters });
      for (const name of names) tell('destroy', name, 'local');
      events.emit({ type: 'volume', action: 'prune', id: '', attributes: { reclaimed: String(spaceReclaimed) } });
      return { names, spaceReclaimed };
    },
  };
}

function volumeFilter(filters: FilterMap, usage: VolumeUsage): (volume: Volume) => boolean {
  const dangling = filterFlag(filters, 'dangling');
  const name = patternFilter(filters, 'name');
  const drivers = filterValues(filters, 'driver');
  return (volume) =>
    name(volume.name) &&
    labelsMatch(volume.labels, filters) &&
    (drivers.length === 0 || drivers.includes(volume.driver || 'local')) &&
    (dangling === undefined || dangling === (usage.of(volume).length === 0));
}
