import type { ListedContainer, ListRequest, ListResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ResolveRequest } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import { isRunning, Phase, phaseOf } from '../../core/phases';
import type { DockerRecord } from '../records';
import { inDockerNamespace, type Uses } from '../engine';
import { linkNames } from '../connect/links';
import { listFilter } from './list-filter';
import { sizesOf } from '../inspect/sizes';
import { statusText } from './status-text';
import { EPOCH, rowOf } from './summary';

type Needs = Uses<{ records: 'dockerNamespace' | 'get' | 'listDocker' | 'requireDocker'; images: 'resolve'; trees: 'getWritten' }>;

/** Containers in one part of a list: far less than a message may hold, and others have their turn between two of them. */
const PART = 512;
const NONE: readonly string[] = [];

/** GET /containers/json: newest first. */
export async function* listContainers(engine: Needs, caller: CallContext, request: ListRequest): AsyncGenerator<ListResponse> {
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
  const linked = linkNames(known);
  const listed = (record: DockerRecord): ListedContainer => {
    const { id, docker } = record;
    const asked = docker.config?.Image ?? '';
    const image = meant.get(asked)?.includes(docker.imageId) === true ? asked : docker.imageId;
    const { row, summary } = rowOf(record, linked.get(id) ?? NONE, image);
    return { row, summary, status: statusText(docker, now), sizeRw: undefined, sizeRootFs: undefined };
  };
  for (let from = 0; from === 0 || from < shown.length; from += PART) {
    const part = shown.slice(from, from + PART);
    const containers = request.size
      ? await Promise.all(part.map(async (record) => ({ ...listed(record), ...(await sizes(engine, ctx, record)) })))
      : part.map(listed);
    yield { containers, known: known.length, epoch: EPOCH };
  }
}

/** None of a container that goes meanwhile. */
async function sizes(
  engine: Needs,
  ctx: CallContext,
  { id, docker }: DockerRecord,
): Promise<Pick<ListedContainer, 'sizeRw' | 'sizeRootFs'>> {
  const found = await sizesOf(engine, ctx, id, docker).catch(ignore('notFound'));
  return found === undefined ? {} : { sizeRw: found.rw, sizeRootFs: found.rootFs };
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
