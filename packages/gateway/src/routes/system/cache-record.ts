import { formatTimestamp } from '@gantry/api';
import type { UsageRecord } from '@gantry/api/moby/buildkit/v1/control';
import { type ApiVersion, exactNumber } from '@gantry/docker-api';

const NEVER = '0001-01-01T00:00:00Z';

/** A record of the build cache as docker tells it; the blank before Parents is docker's own. */
export function writeCacheRecord(record: UsageRecord, version: ApiVersion): object {
  return {
    ID: record.ID,
    ...(record.Parents.length > 0 && version.atLeast('1.42') ? { ' Parents': record.Parents } : {}),
    Type: record.RecordType,
    Description: record.Description,
    InUse: record.InUse,
    Shared: record.Shared,
    Size: exactNumber(record.Size),
    CreatedAt: record.CreatedAt === undefined ? NEVER : formatTimestamp(record.CreatedAt),
    LastUsedAt: record.LastUsedAt === undefined ? null : formatTimestamp(record.LastUsedAt),
    UsageCount: exactNumber(record.UsageCount),
  };
}

export const sizeOf = (records: readonly UsageRecord[]): bigint => records.reduce((sum, { Size }) => sum + Size, 0n);
