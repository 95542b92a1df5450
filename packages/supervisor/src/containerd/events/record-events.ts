import { ContainerCreate, ContainerDelete, ContainerUpdate } from '@gantry/api/containerd/events/events';
import type { Envelopes } from '../../core/events';
import type { RecordChange, Records } from '../../core/records';

/** Tells containerd's subscribers of every change of a container record, whichever face made it. Returns how to stop. */
export function publishRecordChanges(records: Pick<Records, 'onChange'>, envelopes: Envelopes): () => void {
  return records.onChange((change) => publish(change, envelopes));
}

function publish({ kind, namespace, container }: RecordChange, envelopes: Envelopes): void {
  const { id, image, runtime, labels, snapshotKey } = container;
  switch (kind) {
    case 'created':
      envelopes.publish(namespace, '/containers/create', { type: ContainerCreate, message: { id, image, runtime } });
      return;
    case 'updated':
      envelopes.publish(namespace, '/containers/update', { type: ContainerUpdate, message: { id, image, labels, snapshotKey } });
      return;
    case 'deleted':
      envelopes.publish(namespace, '/containers/delete', { type: ContainerDelete, message: { id } });
  }
}
