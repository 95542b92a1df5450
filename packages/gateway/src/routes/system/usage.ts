import type { UsageRecord } from '@gantry/api/moby/buildkit/v1/control';
import type { ContainerSummary, ImageSummary, Volume } from '@gantry/api/gantry/engine/v1/types';
import { exactNumber } from '@gantry/docker-api';
import { sizeOf } from './cache-record';

/** What objects of one type take of the disk, as versions from 1.52 on tell it: how many, how many in use, and the bytes of those that are not. */
interface Usage {
  readonly active: number;
  readonly total: number;
  readonly size: bigint;
  readonly reclaimable: bigint;
}

const sum = (sizes: readonly bigint[]): bigint => sizes.reduce((all, size) => all + size, 0n);

/** Members that are 0 are left out. */
export function writeUsage({ active, total, size, reclaimable }: Usage, items: readonly unknown[] | undefined): object {
  const counts = { ActiveCount: BigInt(active), Reclaimable: reclaimable, TotalCount: BigInt(total), TotalSize: size };
  const told = Object.entries(counts).filter(([, count]) => count !== 0n);
  return {
    ...Object.fromEntries(told.map(([name, count]) => [name, exactNumber(count)])),
    ...(items === undefined || items.length === 0 ? {} : { Items: items }),
  };
}

/** An image is in use by a container, whether that runs or not; only what it shares with no other would be freed. */
export const imageUsage = (images: readonly ImageSummary[], size: bigint): Usage => ({
  active: images.filter(({ Containers }) => Containers > 0n).length,
  total: images.length,
  size,
  reclaimable: sum(
    images.filter(({ Containers, SharedSize }) => Containers === 0n && SharedSize >= 0n).map((each) => each.Size - each.SharedSize),
  ),
});

const RUNS = new Set(['running', 'paused', 'restarting']);

export function containerUsage(containers: readonly ContainerSummary[]): Usage {
  const idle = containers.filter(({ State }) => !RUNS.has(State));
  const written = (some: readonly ContainerSummary[]): bigint => sum(some.map(({ SizeRw = 0n }) => SizeRw));
  return { active: containers.length - idle.length, total: containers.length, size: written(containers), reclaimable: written(idle) };
}

export function volumeUsage(volumes: readonly Volume[]): Usage {
  const measured = volumes.filter(({ UsageData }) => (UsageData?.Size ?? -1n) !== -1n);
  const idle = measured.filter(({ UsageData }) => UsageData?.RefCount === 0n);
  const bytes = (some: readonly Volume[]): bigint => sum(some.map(({ UsageData }) => UsageData?.Size ?? 0n));
  return { active: volumes.length - idle.length, total: volumes.length, size: bytes(measured), reclaimable: bytes(idle) };
}

export const cacheUsage = (records: readonly UsageRecord[]): Usage => ({
  active: records.filter(({ InUse }) => InUse).length,
  total: records.length,
  size: sizeOf(records),
  reclaimable: sizeOf(records.filter(({ InUse, Shared }) => !InUse && !Shared)),
});
