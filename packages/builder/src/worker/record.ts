import { hostname } from 'node:os';
import type { Platform as WirePlatform } from '@gantry/api/pb/ops';
import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';
import type { Platform } from '@gantry/oci';
import type { PruneWish } from '../refs/ref';

const LABEL = 'org.mobyproject.buildkit.worker';

export interface WorkerFacts {
  readonly id: string;
  readonly snapshotter: string;
  readonly platforms: readonly Platform[];
  readonly labels: Readonly<Record<string, string>>;
  readonly gc: readonly PruneWish[];
  readonly version: { readonly package: string; readonly version: string; readonly revision: string };
}

/** The worker as clients are told of it: where steps run, for which platforms, and what is collected. */
export function workerRecord({ id, snapshotter, platforms, labels, gc, version }: WorkerFacts): WorkerRecord {
  return {
    ID: id,
    Labels: {
      [`${LABEL}.executor`]: 'containerd',
      [`${LABEL}.hostname`]: hostname(),
      [`${LABEL}.network`]: 'gantry',
      [`${LABEL}.snapshotter`]: snapshotter,
      ...labels,
    },
    platforms: platforms.map(wirePlatform),
    GCPolicy: gc.map((rule) => ({
      all: rule.all,
      filters: [...rule.filters],
      keepDuration: BigInt(Math.trunc(rule.keepMs ?? 0)) * 1_000_000n,
      reservedSpace: BigInt(Math.trunc(rule.reservedSpace ?? 0)),
      maxUsedSpace: BigInt(Math.trunc(rule.maxUsedSpace ?? 0)),
      minFreeSpace: BigInt(Math.trunc(rule.minFreeSpace ?? 0)),
    })),
    BuildkitVersion: { ...version, dockerfileVersion: '' },
    CDIDevices: [],
  };
}

/** A platform as BuildKit's messages have it. */
export function wirePlatform({
  os,
  architecture,
  variant = '',
  'os.version': osVersion = '',
  'os.features': features = [],
}: Platform): WirePlatform {
  return { OS: os, Architecture: architecture, Variant: variant, OSVersion: osVersion, OSFeatures: [...features] };
}
