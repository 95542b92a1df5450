import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { AddReferenceRequest, ReleaseReferenceRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, ignore } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';

type VolumeNeeds = { readonly services: Pick<Needs['services'], 'volumes'> };

/** Label of a volume that a pod's container has because its image says so: the container. */
const OWNER = 'io.kubernetes.cri.container-id';
/** Docker's, by which its prune of volumes without a name knows them. */
const ANONYMOUS = 'com.docker.volume.anonymous';

/** What an image declares as volumes and nothing else is mounted at: absolute places, once each. */
export function declaredPlaces(declared: Readonly<Record<string, unknown>> | undefined, taken: readonly string[]): string[] {
  const placeOf = (path: string): string => posix.normalize(posix.join('/', path)).replace(/(.)\/$/, '$1');
  const others = new Set(taken.map(placeOf));
  return [...new Set(Object.keys(declared ?? {}).map(placeOf))].filter((place) => place !== '/' && !others.has(place)).sort();
}

/** Makes a volume for each place, filled with what the image has there; where they are on the host, by place. */
export async function makeDeclaredVolumes(
  { services: { volumes } }: VolumeNeeds,
  ctx: CallContext,
  { id, places }: { readonly id: string; readonly places: readonly string[] },
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const path of places) {
    const name = randomBytes(32).toString('hex');
    await volumes.createVolume(ctx, { name, driver: 'local', options: {}, labels: { [OWNER]: id, [ANONYMOUS]: '' } });
    const { volume } = await volumes.addReference(ctx, AddReferenceRequest.fromPartial({ name, containerId: id }));
    await volumes.populate(ctx, { volumeName: name, snapshotKey: id, path, subpath: '' });
    paths.set(path, volume?.mountpoint ?? '');
  }
  return paths;
}

/** Takes away what `wanted` containers had: all of one, or those of containers that are gone. */
export async function removeDeclaredVolumes(
  { services: { volumes } }: VolumeNeeds,
  ctx: CallContext,
  wanted: (containerId: string) => boolean,
): Promise<void> {
  const { volumes: all } = await volumes.listVolumes(ctx, { filters: { label: { values: [OWNER] } } });
  for (const { name, labels } of all) {
    const containerId = labels[OWNER] ?? '';
    if (!wanted(containerId)) continue;
    await volumes.releaseReference(ctx, ReleaseReferenceRequest.fromPartial({ name, containerId })).catch(ignore('notFound'));
    await volumes.removeVolume(ctx, { name, force: true }).catch(ignore('notFound', 'conflict', 'failedPrecondition')); // docker's container has it, too
  }
}
