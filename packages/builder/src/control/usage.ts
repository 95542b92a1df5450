import { toTimestamp } from '@gantry/api';
import type { UsageRecord } from '@gantry/api/moby/buildkit/v1/control';
import type { Refs, UsageRecord as Kept } from '../refs/ref';
import type { Usage } from './needs';

const MS = 1_000_000n;

/** Disk usage and pruning of trees in Control's words. */
export function usageOf(refs: Pick<Refs, 'usage' | 'prune'>): Usage {
  return {
    async diskUsage(ctx, { filter, ageLimit }) {
      const oldest = ageLimit > 0n ? Date.now() - Number(ageLimit / MS) : undefined;
      const records = await refs.usage(ctx, filter);
      return records
        .filter(({ lastUsedAt }) => oldest === undefined || lastUsedAt === undefined || lastUsedAt.getTime() <= oldest)
        .map(written);
    },
    async *prune(ctx, request) {
      const gone: Kept[] = [];
      let wake = (): void => undefined;
      let over = false;
      const wish = {
        filters: request.filter,
        all: request.all,
        keepMs: Number(request.keepDuration / MS),
        reservedSpace: Number(request.reservedSpace),
        maxUsedSpace: Number(request.maxUsedSpace),
        minFreeSpace: Number(request.minFreeSpace),
      };
      const pruning = refs
        .prune(ctx, [wish], (record) => {
          gone.push(record);
          wake();
        })
        .finally(() => {
          over = true;
          wake();
        });
      pruning.catch(() => undefined); // told below, when all that went before is told
      for (;;) {
        for (let next = gone.shift(); next !== undefined; next = gone.shift()) yield written(next);
        if (over) break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      await pruning;
    },
  };
}

function written(record: Kept): UsageRecord {
  return {
    ID: record.id,
    Mutable: record.mutable,
    InUse: record.inUse,
    Size: BigInt(Math.trunc(record.size)),
    Parent: '',
    Parents: [...record.parents],
    CreatedAt: toTimestamp(record.createdAt),
    LastUsedAt: record.lastUsedAt === undefined ? undefined : toTimestamp(record.lastUsedAt),
    UsageCount: BigInt(record.usageCount),
    Description: record.description,
    RecordType: record.type,
    Shared: record.shared,
  };
}
