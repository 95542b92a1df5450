import type { ListRequest, ListResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CallContext } from '@gantry/rpc';
import { Phase } from '../../records';
import { type Engine, inDockerNamespace } from './engine';
import { ignore } from './ignore';
import { listFilter } from './list-filter';
import { sizesOf } from './sizes';
import { isRunning, phaseOf } from './state';
import { summaryOf } from './summary';

/** GET /containers/json: newest first. */
export async function listContainers(engine: Engine, caller: CallContext, request: ListRequest): Promise<ListResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const filter = await listFilter(engine, ctx, request.filters);
  const all = request.all || request.limit > 0 || filter.showsStopped || ['before', 'since'].some((key) => key in request.filters);
  const now = Date.now();
  const records = engine.records
    .listDocker()
    .filter(({ docker }) => all || isRunning(docker) || phaseOf(docker) === Phase.PHASE_RESTARTING)
    .filter(filter.matches)
    .reverse();
  const shown = request.limit > 0 ? records.slice(0, request.limit) : records;
  const containers = shown.map((record) => summaryOf(record, now));
  if (!request.size) return { containers };
  return {
    containers: await Promise.all(
      containers.map(async (summary, index) => {
        const record = shown[index];
        const sizes = record === undefined ? undefined : await sizesOf(engine, ctx, record.id, record.docker).catch(ignore('notFound'));
        return sizes === undefined ? summary : { ...summary, SizeRw: sizes.rw, SizeRootFs: sizes.rootFs };
      }),
    ),
  };
}
