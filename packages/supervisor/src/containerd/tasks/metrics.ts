import { timestampNow } from '@gantry/api';
import type { Metric } from '@gantry/api/containerd/types/types';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { compileFilters } from '@gantry/oci/filter';
import type { TasksNeeds } from './create';

/** cgroup metrics of the running tasks that the filters (on `id`) let through. */
export async function collectMetrics(needs: TasksNeeds, ctx: CallContext, filters: readonly string[]): Promise<Metric[]> {
  const matches = compileFilters(filters);
  const ids = needs.records
    .ids(ctx.namespace)
    .filter((id) => matches((path) => (path[0] === 'id' ? id : path[0] === 'namespace' ? ctx.namespace : undefined)));
  const collected = await needs.tasks.collect(ctx, ids);
  const metrics: Metric[] = [];
  for (const id of ids) {
    const data = collected.get(id) ?? (await ofOne(needs, ctx, id));
    if (data !== undefined) metrics.push({ timestamp: timestampNow(), id, data });
  }
  return metrics;
}

async function ofOne(needs: TasksNeeds, ctx: CallContext, id: string): Promise<Metric['data']> {
  try {
    return (await needs.tasks.stats(ctx, { id })).stats;
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'failedPrecondition', 'conflict')) return undefined;
    throw error;
  }
}
