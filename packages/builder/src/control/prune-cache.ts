import { packAny } from '@gantry/api';
import { type BuildServiceService, CachePruned, type PruneCacheRequest } from '@gantry/api/gantry/build/v1/build';
import type { PruneRequest } from '@gantry/api/moby/buildkit/v1/control';
import { type Handlers, invalidArgument, parseGoDuration, prefixed } from '@gantry/rpc';
import type { Services } from '../worker/services';
import type { Usage } from './needs';

/** Fields of a record that docker's filters may name. `label` is taken and means nothing, as in dockerd. */
const FIELDS = ['id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];
const TAKEN = ['unused-for', 'until', 'label', 'label!', ...FIELDS];

/** `docker builder prune` by the Engine API: BuildKit's prune with docker's filters, and docker's event. */
export function pruneCache(
  usage: Pick<Usage, 'prune'>,
  { events, inStore }: Pick<Services, 'events' | 'inStore'>,
): Handlers<typeof BuildServiceService>['pruneCache'] {
  return async (ctx, request) => {
    const deleted: string[] = [];
    let reclaimed = 0n;
    try {
      for await (const { ID, Size } of usage.prune(ctx, pruneRequest(request))) {
        deleted.push(ID);
        reclaimed += Size;
      }
    } catch (error) {
      throw prefixed(error, 'failed to prune build cache');
    }
    await events.publish(inStore(ctx), { topic: '/builder/prune', event: packAny(CachePruned, { reclaimed }) });
    return { deleted, reclaimed };
  };
}

export function pruneRequest(
  { all, filters, reservedSpace, maxUsedSpace, minFreeSpace }: PruneCacheRequest,
  now = Date.now(),
): PruneRequest {
  for (const key of Object.keys(filters)) if (!TAKEN.includes(key)) throw invalidArgument(`invalid filter '${key}'`);
  const fields = FIELDS.flatMap((field) => {
    const values = filters[field]?.values;
    if (values === undefined) return [];
    const [value, ...more] = values;
    if (more.length > 0) throw invalidArgument('filters expect only one value');
    if (value === undefined) return [field];
    return [`${field}${field === 'id' ? '~=' : '=='}${JSON.stringify(value)}`];
  });
  return {
    filter: fields.length === 0 ? [] : [fields.join(',')],
    all,
    keepDuration: BigInt(Math.round(unusedFor(filters, now) * 1e6)),
    reservedSpace,
    maxUsedSpace,
    minFreeSpace,
  };
}

/** Milliseconds since the last use, of `until` or of `unused-for`, its old name. */
function unusedFor(filters: PruneCacheRequest['filters'], now: number): number {
  const until = filters['until']?.values ?? [];
  const old = filters['unused-for']?.values ?? [];
  if (until.length > 0 && old.length > 0) throw invalidArgument('conflicting filters: "until" and "unused-for"');
  const [value, ...more] = [...until, ...old];
  if (more.length > 0) throw invalidArgument('filters expect only one value');
  if (value === undefined) return 0;
  const duration = parseGoDuration(value);
  if (duration !== undefined) return duration;
  const at = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (Number.isNaN(at)) {
    const name = until.length > 0 ? 'until' : 'unused-for';
    const why = `failed to parse value as time or duration: ${JSON.stringify(value)}`;
    throw invalidArgument(`"${name}" filter expects a duration (e.g., '24h') or a timestamp: ${why}`);
  }
  return Math.max(0, now - at);
}
