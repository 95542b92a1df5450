import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { hasBlockWeight } from '../system/cgroups';

/** Weights of block devices that are asked for, the file of cgroup v1 that sets them, and docker's word where it is not there. */
const WEIGHTS: readonly {
  readonly file: 'blkio.weight' | 'blkio.weight_device';
  readonly asked: (host: HostConfig) => boolean;
  readonly discard: (host: HostConfig) => void;
  readonly warning: string;
}[] = [
  {
    file: 'blkio.weight',
    asked: (host) => host.BlkioWeight > 0n,
    discard: (host) => (host.BlkioWeight = 0n),
    warning: 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
  },
  {
    file: 'blkio.weight_device',
    asked: (host) => host.BlkioWeightDevice.length > 0,
    discard: (host) => {
      host.BlkioWeightDevice = [];
      host.givenEmpty.push('BlkioWeightDevice'); // so that inspect shows a list
    },
    warning: 'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
  },
];

/** Takes what this kernel cannot weigh out of a container's limits, as dockerd does, and answers a warning for each. */
export function discardWeights(host: HostConfig, root?: string): string[] {
  return WEIGHTS.filter(({ asked, file }) => asked(host) && !hasBlockWeight(file, root)).map(({ discard, warning }) => {
    discard(host);
    return warning;
  });
}
