import type { Volume as Stored } from '@gantry/api/gantry/images/v1/images';
import type { Volume } from '@gantry/api/gantry/engine/v1/types';

/** docker's view of a volume; with usage when its size was computed. */
export function dockerVolume(volume: Stored, usage?: { readonly refCount: number }): Volume {
  return {
    Name: volume.name,
    Driver: volume.driver || 'local',
    Mountpoint: volume.mountpoint,
    CreatedAt: wholeSeconds(volume.createdAt),
    Status: {},
    Labels: volume.labels,
    Scope: volume.scope || 'local',
    Options: volume.options,
    UsageData: usage === undefined ? undefined : { Size: volume.size, RefCount: BigInt(usage.refCount) },
  };
}

/** docker tells when a volume was made to the second. */
const wholeSeconds = (time: string): string => time.replace(/\.\d+/, '');
