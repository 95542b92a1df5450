import type { MessageType } from '@gantry/api';
import { SnapshotCommit, SnapshotPrepare, SnapshotRemove } from '@gantry/api/containerd/events/events';
import type { SnapshotListener } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { Exchange, Topic } from './exchange';

/** Tells of a snapshotter what containerd tells: prepare (also of views), commit and remove. */
export function tellSnapshots(exchange: Exchange, snapshotter: string): SnapshotListener {
  const tell = <T>({ namespace, kept }: Scope, topic: Topic, type: MessageType<T>, message: T): void => {
    if (kept !== true) exchange.publish(namespace, topic, type, message);
  };
  return {
    prepared: (scope, key, parent) => tell(scope, '/snapshot/prepare', SnapshotPrepare, { key, parent, snapshotter }),
    committed: (scope, key, name) => tell(scope, '/snapshot/commit', SnapshotCommit, { key, name, snapshotter }),
    removed: (scope, key) => tell(scope, '/snapshot/remove', SnapshotRemove, { key, snapshotter }),
  };
}
