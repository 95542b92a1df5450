import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';

const THROTTLES = ['BlkioDeviceReadBps', 'BlkioDeviceWriteBps', 'BlkioDeviceReadIOps', 'BlkioDeviceWriteIOps'] as const;
const LISTS = ['BlkioWeightDevice', ...THROTTLES] as const;

/** Members of a HostConfig that are limits of single devices. */
export const DEVICES = [...LISTS, 'givenEmpty'] as const;

type DeviceLimits = Pick<HostConfig, (typeof DEVICES)[number]>;

export interface DeviceChange {
  /** What the container has from now on. */
  readonly next: DeviceLimits;
  /** What a running one is told: devices that have no limit any more have a 0. */
  readonly apply: Partial<DeviceLimits>;
}

/** Limits of single devices after an update: a list that was not given stays, an empty one takes all away, another takes the old one's place. */
export function changeDevices(present: DeviceLimits, asked: DeviceLimits): DeviceChange {
  const { BlkioWeightDevice, BlkioDeviceReadBps, BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps } = present;
  const next: DeviceLimits = {
    ...{ BlkioWeightDevice, BlkioDeviceReadBps, BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps },
    givenEmpty: [...present.givenEmpty],
  };
  const apply: Partial<DeviceLimits> = {};
  for (const name of LISTS) {
    if (asked[name].length === 0 && !asked.givenEmpty.includes(name)) continue;
    next.givenEmpty = next.givenEmpty.filter((other) => other !== name);
    if (asked[name].length === 0) next.givenEmpty.push(name);
    if (name === 'BlkioWeightDevice') {
      next[name] = asked[name];
      apply[name] = [...left(present[name], asked[name]).map(({ Path }) => ({ Path, Weight: 0n })), ...asked[name]];
    } else {
      next[name] = asked[name];
      apply[name] = [...left(present[name], asked[name]).map(({ Path }) => ({ Path, Rate: 0n })), ...asked[name]];
    }
  }
  return { next, apply };
}

const left = <D extends { readonly Path: string }>(present: readonly D[], asked: readonly D[]): readonly D[] =>
  present.filter(({ Path }) => !asked.some((other) => other.Path === Path));
