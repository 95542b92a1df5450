import type { Volume } from '@gantry/api/gantry/images/v1/images';
import type { DockerRecords } from '../records';

/** Container ids by volume name: those whose record names the volume, and those that hold a reference in the store. */
export class VolumeUsage {
  private readonly byRecord = new Map<string, Set<string>>();

  constructor(records: Pick<DockerRecords, 'listDocker'>) {
    for (const { id, docker } of records.listDocker()) {
      for (const name of docker.volumeNames) this.byRecord.set(name, (this.byRecord.get(name) ?? new Set()).add(id));
    }
  }

  of(volume: Pick<Volume, 'name' | 'containerIds'>): string[] {
    return [...new Set([...(this.byRecord.get(volume.name) ?? []), ...volume.containerIds])];
  }
}
