import type { ListRequest, ListResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import type { DockerRecord } from '../records';
import { inDockerNamespace, type Uses } from '../engine';
import { namesOf } from '../connect/links';
import { ignore } from '../../core/ignore';
import { listFilter } from './list-filter';
import { sizesOf } from '../inspect/sizes';
import { summaryOf } from './summary';

type Needs = Uses<{ records: 'dockerNamespace' | 'get' | 'listDocker' | 'requireDocker'; images: 'resolve'; trees: 'getWritten' }>;

/** GET /containers/json: newest first. */
export async function listContainers(engine: Needs, caller: CallContext, request: ListRequest): Promise<ListResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const filter = await listFilter(engine, ctx, request.filters);
  const all = request.all || request.limit > 0 || filter.showsStopped;
  const now = Date.now();
  const known = engine.records.listDocker();
  const records = known
    .filter(({ docker }) => all || isRunning(docker) || phaseOf(docker) === Phase.PHASE_RESTARTING)
    .filter(filter.matches)
    .reverse();
  const shown = request.limit > 0 ? records.slice(0, request.limit) : records;
  const meant = await imagesMeant(engine, ctx, shown);
  const names = namesOf(known);
  const containers = shown.map((record) => {
    const summary = summaryOf(record, names.get(record.id) ?? [], now);
    return meant.get(summary.Image)?.includes(record.docker.imageId) === true ? summary : { ...summary, Image: record.docker.imageId };
  });
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

/**
 * The ids that each container's image name stands for now (and what older containers have for them): a container whose name went to another image, or to
 * none, is shown with its image's id.
 */
async function imagesMeant(engine: Needs, ctx: CallContext, shown: readonly DockerRecord[]): Promise<Map<string, readonly string[]>> {
  const refs = [...new Set(shown.map(({ docker }) => docker.config?.Image ?? ''))].filter((ref) => ref !== '');
  const found = await Promise.all(
    refs.map(async (ref) => {
      try {
        const { image } = await engine.images.resolve(ctx, ResolveRequest.create({ ref }));
        return [ref, image === undefined ? [] : [image.id, image.configDigest]] as const;
      } catch (error) {
        if (isErrorOf(error, 'notFound', 'invalidArgument')) return [ref, []] as const;
        throw error;
      }
    }),
  );
  return new Map<string, readonly string[]>(found);
}
