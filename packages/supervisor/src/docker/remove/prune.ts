import type { PruneRequest, PruneResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import { checkFilterKeys, labelsMatch, untilTime } from '../filters';
import { type Engine, inDockerNamespace } from '../engine';
import { removeContainer } from './remove';
import { sizesOf } from '../inspect/sizes';
import { dockerStatus } from '../status';

/** POST /containers/prune: removes everything that does not run. */
export async function pruneContainers(engine: Engine, caller: CallContext, { filters }: PruneRequest): Promise<PruneResponse> {
  checkFilterKeys(filters, ['label', 'label!', 'until']);
  const until = untilTime(filters);
  const ctx = inDockerNamespace(engine, caller);
  const ids: string[] = [];
  let spaceReclaimed = 0n;
  for (const { id, docker } of engine.records.listDocker()) {
    if (!['created', 'exited', 'dead'].includes(dockerStatus(docker))) continue;
    if (until !== undefined && Date.parse(docker.created) > until) continue;
    if (!labelsMatch(docker.config?.Labels ?? {}, filters)) continue;
    const sizes = await sizesOf(engine, ctx, id, docker).catch(ignore('notFound'));
    try {
      await removeContainer(engine, { ...ctx, operationId: '' }, { id, force: false, volumes: false, link: false });
    } catch (error) {
      if (isErrorOf(error, 'notFound', 'conflict')) continue; // somebody else was quicker
      throw error;
    }
    ids.push(id);
    spaceReclaimed += sizes?.rw ?? 0n;
  }
  engine.events.emit({ type: 'container', action: 'prune', id: '', attributes: { reclaimed: String(spaceReclaimed) } });
  return { ids, spaceReclaimed };
}
