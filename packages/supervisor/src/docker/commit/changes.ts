import type { ChangesRequest, ChangesResponse, CommitRequest, CommitResponse } from '@gantry/api/gantry/engine/v1/containers';
import { CommitRequest as ImageCommitRequest } from '@gantry/api/gantry/images/v1/images';
import { ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import type { CallContext } from '@gantry/rpc';
import { Phase, phaseOf } from '../../core/phases';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { type FreezeNeeds, whileFrozen } from './freeze';
import { imageConfigJson } from './image-config';

type Needs = Uses<{ records: 'dockerNamespace' | 'requireDocker'; events: 'emit'; images: 'commit' | 'getChanges'; queues: 'run' }>;
type CommitNeeds = Needs & FreezeNeeds;

/** GET /containers/{id}/changes. */
export async function containerChanges(engine: Needs, caller: CallContext, request: ChangesRequest): Promise<ChangesResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const { changes } = await engine.images.getChanges(inDockerNamespace(engine, caller), { snapshotKey: id });
  return { changes: withoutMountpoints(changes).map(({ path, kind }) => ({ Path: path, Kind: BigInt(kind) })) };
}

/** Places that the runtime makes in every root to mount the engine's own files and file systems on. */
const MOUNTPOINTS = new Set([
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/dev',
  '/proc',
  '/sys',
  '/sbin/docker-init',
  '/dev/shm',
  '/dev/pts',
  '/dev/mqueue',
  '/dev/console',
]);
const ADDED = 1;

/** The changes without those, and without the directories that changed only because of them. */
function withoutMountpoints<T extends { readonly path: string; readonly kind: number }>(changes: readonly T[]): T[] {
  const own = changes.filter(({ path, kind }) => kind === ADDED && MOUNTPOINTS.has(path)).map(({ path }) => path);
  const kept = changes.filter(({ path }) => !own.includes(path));
  return kept.filter(({ path, kind }) => {
    const onlyOwn =
      kind !== 2 && own.some((mountpoint) => mountpoint.startsWith(`${path}/`)) && !kept.some((other) => other.path.startsWith(`${path}/`));
    return !onlyOwn;
  });
}

/** POST /commit: an image of what the container wrote. A running container is frozen meanwhile, unless told otherwise. */
export async function commitContainer(engine: CommitNeeds, caller: CallContext, request: CommitRequest): Promise<CommitResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const { id } = engine.records.requireDocker(request.id);
  return engine.queues.run(id, async () => {
    const { docker } = engine.records.requireDocker(id);
    const work = async (): Promise<CommitResponse> => {
      const config =
        request.config === undefined
          ? ContainerConfig.create(docker.config)
          : mergeOver(ContainerConfig.create(docker.config), request.config);
      const { imageId, familiarName } = await engine.images.commit(
        ctx,
        ImageCommitRequest.fromPartial({
          snapshotKey: id,
          parentImageId: docker.imageId,
          configJson: imageConfigJson(config),
          author: request.author,
          comment: request.comment,
          containerId: id,
          repository: request.repository,
          tag: request.tag,
          changes: request.changes,
        }),
      );
      engine.events.emit({ type: 'image', action: 'create', id: imageId, attributes: { ...config.Labels, name: imageId } });
      if (familiarName !== '')
        engine.events.emit({ type: 'image', action: 'tag', id: imageId, attributes: { ...config.Labels, name: familiarName } });
      emitContainerEvent(engine, id, docker, 'commit', { comment: request.comment, imageID: imageId, imageRef: familiarName });
      return { id: imageId };
    };
    const freezes = request.pause && phaseOf(docker) === Phase.PHASE_RUNNING;
    return freezes ? whileFrozen(engine, ctx, id, docker, work) : work();
  });
}

/** What the request sets wins over the container's own configuration. */
function mergeOver(own: ContainerConfig, asked: ContainerConfig): ContainerConfig {
  const set = Object.entries(asked).filter(
    ([, value]) =>
      value !== undefined && value !== '' && value !== false && (typeof value !== 'object' || Object.keys(value as object).length > 0),
  );
  return { ...own, ...Object.fromEntries(set) };
}
