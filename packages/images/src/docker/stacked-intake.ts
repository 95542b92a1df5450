import { randomBytes } from 'node:crypto';
import { dataLoss } from '@gantry/rpc';
import { isExisting } from '../content/store';
import type { DiffApplier } from '../diff/apply';
import { LayerIntake, type TakenLayer, type TakeOptions } from '../layers/intake';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';

export interface StackOptions {
  readonly snapshotter: RecordedSnapshotter;
  readonly layer: string;
  readonly diffId: string;
  readonly chainId: string;
  readonly parent: string;
}

/**
 * Takes layers in for a snapshotter that lays a layer out only on top of its parent: blobs are stored as they come and unpacked one after the other
 * when all are there.
 */
export class StackedIntake extends LayerIntake {
  constructor(
    private readonly applier: DiffApplier,
    ...base: ConstructorParameters<typeof LayerIntake>
  ) {
    super(...base);
  }

  override take(scope: Scope, options: TakeOptions): Promise<TakenLayer> {
    return super.take(scope, { ...options, unpack: false });
  }

  /** Lays a stored layer out on its parent and makes it the snapshot chainId. Another that was quicker is fine. */
  async stack(scope: Scope, { snapshotter, layer, diffId, chainId, parent }: StackOptions): Promise<void> {
    const key = `gantry-extract-${randomBytes(8).toString('hex')}`;
    try {
      const applied = await this.applier.apply(scope, layer, await snapshotter.prepare(scope, key, parent, {}));
      if (applied.digest !== diffId) throw dataLoss(`layer ${layer} unpacks to ${applied.digest}, its image says ${diffId}`);
      await snapshotter.commit(scope, chainId, key, { labels: {} });
    } catch (error) {
      if (snapshotter.find(scope, key) !== undefined) await snapshotter.remove(scope, key);
      if (!isExisting(error)) throw error;
    }
  }
}
