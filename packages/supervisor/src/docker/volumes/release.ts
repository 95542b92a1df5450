import type { VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, ignore, type ServiceClient } from '@gantry/rpc';
import type { DockerEvents } from '../events';
import type { DockerRecords } from '../records';

interface Needs {
  readonly records: Pick<DockerRecords, 'requireDocker'>;
  readonly volumes: Pick<ServiceClient<VolumesServiceService>, 'releaseReference' | 'removeVolume'>;
  readonly events: Pick<DockerEvents, 'emit'>;
}

/** Gives back a container's references on its volumes; with `remove` the anonymous ones among them go. */
export async function releaseVolumes({ records, volumes, events }: Needs, ctx: CallContext, id: string, remove: boolean): Promise<void> {
  const { docker } = records.requireDocker(id);
  for (const name of new Set(docker.volumeNames)) {
    await volumes.releaseReference(ctx, { name, containerId: id, keep: false }).catch(ignore('notFound'));
    const anonymous = docker.coveredVolumes.includes(name) || docker.mounts.some((mount) => mount.name === name && mount.anonymous);
    if (!remove || !anonymous) continue;
    // Another container may have taken it over with --volumes-from: then it stays.
    const gone = await volumes
      .removeVolume(ctx, { name, force: true })
      .then(() => true, ignore('notFound', 'conflict', 'failedPrecondition'));
    if (gone === true) events.emit({ type: 'volume', action: 'destroy', id: name, attributes: { driver: 'local' } });
  }
}
