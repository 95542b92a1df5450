import { SnapshotCommit, SnapshotPrepare, SnapshotRemove } from '@gantry/api/containerd/events/events';
import type { SnapshotListener } from '../snapshots/recorded';
import type { Exchange } from './exchange';

/** Tells of a snapshotter what containerd tells: prepare (also of views), commit and remove. */
export function tellSnapshots(exchange: Exchange, snapshotter: string): SnapshotListener {
  return {
    prepared: (scope, key, parent) => exchange.publish(scope.namespace, '/snapshot/prepare', SnapshotPrepare, { key, parent, snapshotter }),
    committed: (scope, key, name) => exchange.publish(scope.namespace, '/snapshot/commit', SnapshotCommit, { key, name, snapshotter }),
    removed: (scope, key) => exchange.publish(scope.namespace, '/snapshot/remove', SnapshotRemove, { key, snapshotter }),
  };
}
