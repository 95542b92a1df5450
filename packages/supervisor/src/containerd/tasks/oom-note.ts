import { CRI_CONTAINER_EXTENSION, OOM_EXTENSION, packJson, unpackAny } from '@gantry/api';
import { TaskOOM } from '@gantry/api/containerd/events/events';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { Records } from '../../core/records';

/** Keeps with a pod's container what is otherwise an event only: whoever was away then would not know. Docker's have it in their state, others' owners hear of it or do not. An event that comes again changes nothing. */
export function noteOom(
  records: Pick<Records, 'get' | 'update'>,
  { namespace, topic, event }: { readonly namespace: string; readonly topic: string; readonly event: Any | undefined },
): void {
  const killed = topic === '/tasks/oom' ? unpackAny(event, TaskOOM) : undefined;
  if (killed === undefined) return;
  const record = records.get(namespace, killed.containerId);
  if (record === undefined || !Object.hasOwn(record.extensions, CRI_CONTAINER_EXTENSION) || Object.hasOwn(record.extensions, OOM_EXTENSION))
    return;
  records.update(namespace, record.id, (current) => ({
    ...current,
    extensions: { ...current.extensions, [OOM_EXTENSION]: packJson(OOM_EXTENSION, {}) },
  }));
}
