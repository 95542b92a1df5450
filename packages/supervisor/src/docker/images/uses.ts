import type { ImageUse } from '@gantry/api/gantry/images/v1/images';
import { Phase } from '../../core/phases';
import type { DockerRecords } from '../records';

const LIVE: ReadonlySet<Phase> = new Set([Phase.PHASE_STARTING, Phase.PHASE_RUNNING, Phase.PHASE_PAUSED, Phase.PHASE_RESTARTING]);

/** Which docker containers use which image, running ones first, as conflict errors name the first. */
export function imageUses(records: Pick<DockerRecords, 'listDocker'>): ImageUse[] {
  const uses = records.listDocker().flatMap(({ id, docker }) => {
    const use = { containerId: id, running: docker.state !== undefined && LIVE.has(docker.state.phase) };
    const mounted = docker.mounts.filter(({ type }) => type === 'image').map(({ imageId }) => ({ ...use, imageId, manifestDigest: '' }));
    return [{ ...use, imageId: docker.imageId, manifestDigest: docker.imageManifest?.digest ?? '' }, ...mounted];
  });
  return uses.sort((a, b) => Number(b.running) - Number(a.running));
}

/** Container ids by image id, and by the manifest of the image's platform that they run. */
export function containersByImage(records: Pick<DockerRecords, 'listDocker'>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { imageId, manifestDigest, containerId } of imageUses(records))
    for (const key of new Set([imageId, manifestDigest])) if (key !== '') found.set(key, [...(found.get(key) ?? []), containerId]);
  return found;
}
