import type { GetDiskUsageResponse } from '@gantry/api/gantry/engine/v1/resources';
import type { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import type { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, invalidArgument, type ServiceClient } from '@gantry/rpc';
import type { DockerRecords } from '../records';
import { containersByImage, imageSummary } from '../images';
import { dockerVolume, VolumeUsage } from '../volumes';

export interface DiskUsageNeeds {
  readonly records: Pick<DockerRecords, 'listDocker'>;
  readonly images: Pick<ServiceClient<typeof ImagesServiceService>, 'getDiskUsage'>;
  /** All containers of docker's face with their sizes, as `docker ps -as` has them. */
  readonly containersWithSize: (ctx: CallContext) => Promise<ContainerSummary[]>;
}

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/** GET /system/df for the types asked; none asked: all. There is no build cache. */
export async function diskUsage(needs: DiskUsageNeeds, ctx: CallContext, types: readonly string[]): Promise<GetDiskUsageResponse> {
  for (const type of types) if (!TYPES.includes(type)) throw invalidArgument(`unknown object type: ${type}`);
  const wants = (type: string): boolean => types.length === 0 || types.includes(type);
  const [stored, containers] = await Promise.all([
    wants('image') || wants('volume') ? needs.images.getDiskUsage(ctx, { images: wants('image'), volumes: wants('volume') }) : undefined,
    wants('container') ? needs.containersWithSize(ctx) : [],
  ]);
  const byImage = containersByImage(needs.records);
  const usage = new VolumeUsage(needs.records);
  return {
    layersSize: stored?.layersSize ?? 0n,
    images: (stored?.images ?? []).map((image) => imageSummary(image, { sharedSize: true, containers: byImage })),
    containers,
    volumes: (stored?.volumes ?? []).map((volume) => dockerVolume(volume, { refCount: usage.of(volume).length })),
  };
}
