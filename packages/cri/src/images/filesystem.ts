import { wallMicros } from '@gantry/api';
import type { FilesystemUsage } from '@gantry/api/runtime/v1/api';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Services } from '../services';

export interface FilesystemNeeds {
  readonly imageStore: Pick<Services['imageStore'], 'getInfo'>;
  readonly snapshots: Pick<Services['snapshots'], 'list' | 'usage'>;
}

/** Snapshots that are asked for at once. */
const AT_ONCE = 16;

/** Where images and containers' writable layers are, and what they take: counted at each call. */
export async function imageFilesystem({ imageStore, snapshots }: FilesystemNeeds, ctx: CallContext): Promise<FilesystemUsage> {
  const { snapshotter, data } = await imageStore.getInfo(ctx, {});
  const keys: string[] = [];
  for await (const { info } of snapshots.list(ctx, { snapshotter, filters: [] })) keys.push(...info.map(({ name }) => name));
  let [bytes, inodes, next] = [0n, 0n, 0];
  const count = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const usage = await snapshots.usage(ctx, { snapshotter, key }).catch((error: unknown) => {
        if (isErrorOf(error, 'notFound')) return { size: 0n, inodes: 0n }; // removed meanwhile
        throw error;
      });
      bytes += usage.size;
      inodes += usage.inodes;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, count));
  return {
    timestamp: BigInt(wallMicros()) * 1000n,
    fsId: { mountpoint: data },
    usedBytes: { value: bytes },
    inodesUsed: { value: inodes },
  };
}
