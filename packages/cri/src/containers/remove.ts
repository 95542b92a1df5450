import { ContainerEventType } from '@gantry/api/runtime/v1/api';
import { type CallContext, detached, ignore } from '@gantry/rpc';
import { removeRestore } from '../checkpoints/restore';
import type { Needs } from '../sandboxes/needs';
import { removeDeclaredVolumes } from './declared-volumes';
import { removeImageVolumes } from './image-volumes';
import { stopContainer } from './stop';
import type { Contained } from './record';

/** Takes a container away, killed first where it runs. Its log stays: kubelet's. */
export async function removeContainer(needs: Needs, caller: CallContext, container: Contained): Promise<void> {
  const ctx = detached(caller);
  const { services } = needs;
  const { id, record } = container;
  await stopContainer(needs, ctx, container, 0);
  const gone = ignore('notFound');
  await services.tasks.delete(ctx, { containerId: id }).catch(gone);
  await services.containers.delete(ctx, { id }).catch(gone);
  await services.snapshots.remove(ctx, { snapshotter: record.snapshotter, key: id }).catch(gone);
  await removeImageVolumes(needs, ctx, container.facts.volumes ?? []);
  if (container.facts.declared === true) await removeDeclaredVolumes(needs, ctx, (owner) => owner === id);
  if (container.facts.restored === true) await removeRestore(needs.roots.data, id);
  needs.names.release(id);
  needs.members.remove(container.facts.podId, id);
  await needs.events.tellOf(ctx, container.facts.podId, id, ContainerEventType.CONTAINER_DELETED_EVENT);
}
