import { timestampNow } from '@gantry/api';
import type { Metric } from '@gantry/api/containerd/types/types';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { compileFilters } from '@gantry/oci/filter';
import type { TasksNeeds } from './create';

/** cgroup metrics of the running tasks that the filters (on `id`) let through. */
export async function collectMetrics(needs: TasksNeeds, ctx: CallContext, filters: readonly string[]): Promise<Metric[]> {
  const matches = compileFilters(filters);
  const ids = needs.records.list(ctx.namespace).map(({ id }) => id);
  const metrics: Metric[] = [];
  for (const id of ids) {
    if (!matches((path) => (path[0] === 'id' ? id : path[0] === 'namespace' ? ctx.namespace : undefined))) continue;
    const stats = await needs.tasks.stats(ctx, { id }).catch((error: unknown) => {
      if (isErrorOf(error, 'notFound', 'failedPrecondition', 'conflict')) return undefined;
      throw error;
    });
    if (stats?.stats !== undefined) metrics.push({ timestamp: timestampNow(), id, data: stats.stats });
  }
  return metrics;
}
