import type { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { invalidArgument } from '@gantry/rpc';
import { checkIdentifier, checkLabels } from '../identifiers';

/** What containerd asks of a container record before it stores it. Throws invalidArgument. */
export function checkContainer(container: Container): void {
  checkIdentifier(container.id);
  checkLabels(container.labels);
  if (Object.hasOwn(container.extensions, '')) throw invalidArgument(`container.Extensions keys must not be zero-length: invalid argument`);
  if ((container.runtime?.name ?? '') === '') throw invalidArgument(`container.Runtime.Name must be set: invalid argument`);
  if (container.spec === undefined) throw invalidArgument(`container.Spec must be set: invalid argument`);
  if (container.snapshotKey !== '' && container.snapshotter === '') {
    throw invalidArgument(`container.Snapshotter must be set if container.SnapshotKey is set: invalid argument`);
  }
}
