import { SnapshotCommit, SnapshotPrepare, SnapshotRemove } from '@gantry/api/containerd/events/events';
import { OverlaySnapshotter, SNAPSHOTTER } from '../snapshots/overlay';
import type { Mount } from '../snapshots/snapshotter';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { Exchange } from './exchange';

type Commit = Parameters<OverlaySnapshotter['commit']>;

/** The snapshotter, telling what containerd tells: prepare (also of views), commit and remove. */
export class ToldSnapshotter extends OverlaySnapshotter {
  constructor(options: ConstructorParameters<typeof OverlaySnapshotter>[0], private readonly exchange: Exchange) {
    super(options);
  }

  override async prepare(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const mounts = await super.prepare(scope, key, parent, labels);
    this.tellPrepared(scope, key, parent);
    return mounts;
  }

  override async view(scope: Scope, key: string, parent: string, labels: Labels): Promise<readonly Mount[]> {
    const mounts = await super.view(scope, key, parent, labels);
    this.tellPrepared(scope, key, parent);
    return mounts;
  }

  override async commit(...[scope, name, key, options]: Commit): Promise<void> {
    await super.commit(scope, name, key, options);
    this.exchange.publish(scope.namespace, '/snapshot/commit', SnapshotCommit, { key, name, snapshotter: SNAPSHOTTER });
  }

  override async remove(scope: Scope, key: string): Promise<void> {
    await super.remove(scope, key);
    this.exchange.publish(scope.namespace, '/snapshot/remove', SnapshotRemove, { key, snapshotter: SNAPSHOTTER });
  }

  private tellPrepared(scope: Scope, key: string, parent: string): void {
    this.exchange.publish(scope.namespace, '/snapshot/prepare', SnapshotPrepare, { key, parent, snapshotter: SNAPSHOTTER });
  }
}
