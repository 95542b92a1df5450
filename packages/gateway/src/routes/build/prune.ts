import { exactNumber } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import type { Exchange, Route } from '../../http/exchange';
import { readFilters } from '../../http/filters';

export const buildPrune: Route = {
  method: 'POST',
  path: '/build/prune',
  operation: 'BuildPrune',
  verb: 'build.prune',
  offline: true,
  async handle(x, { builder }) {
    const newer = x.version.atLeast('1.48');
    const { deleted, reclaimed } = await builder.build.pruneCache(x.ctx, {
      all: x.query.flag('all'),
      filters: readFilters(x.query),
      // before 1.48 there was one limit, by its old name
      reservedSpace: (newer ? bytes(x, 'reserved-space') : 0n) || bytes(x, 'keep-storage'),
      maxUsedSpace: newer ? bytes(x, 'max-used-space') : 0n,
      minFreeSpace: newer ? bytes(x, 'min-free-space') : 0n,
    });
    sendJson(x, 200, { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: exactNumber(reclaimed) });
  },
};

function bytes(x: Exchange, name: string): bigint {
  try {
    return BigInt(x.query.integer(name) ?? 0);
  } catch (cause) {
    throw invalidArgument(`${name} is in bytes and expects an integer, got ${x.query.text(name)}`, { cause });
  }
}
