import { mediaTypes } from '@gantry/oci';
import { dataLoss, failedPrecondition } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import { UNCOMPRESSED_LABEL } from '../layers/intake';
import type { NativeTree } from '../layers/native';
import { LayerSink } from '../layers/sink';
import type { Mount } from '../snapshots/snapshotter';
import type { Scope } from '../store/namespaced';
import { stackOf } from './overlay-mounts';

export interface Applied {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Lays a stored layer out into the mounts of an active snapshot. */
export class DiffApplier {
  constructor(
    private readonly content: ContentStore,
    private readonly native: NativeTree,
    private readonly snapshotRoot: string,
  ) {}

  async apply(scope: Scope, digest: string, mounts: readonly Mount[]): Promise<Applied> {
    const stack = stackOf(mounts, this.snapshotRoot);
    if (stack.upper === undefined) throw failedPrecondition(`layer ${digest} cannot be applied to a read-only snapshot`);
    const sink = new LayerSink({ native: this.native, root: stack.upper });
    let size = 0;
    try {
      for await (const part of this.content.read(scope, digest)) {
        size += part.length;
        await sink.write(part);
      }
      const { diffId, laid } = await sink.end();
      if (laid === undefined) throw dataLoss(`layer ${digest} was not unpacked`);
      await this.native.adopt(stack.upper, laid.implicit, stack.lower);
      const uncompressed = diffId === '' ? digest : diffId;
      this.content.setLabels(scope, digest, { [UNCOMPRESSED_LABEL]: uncompressed });
      return { mediaType: mediaTypes.ociLayer, digest: uncompressed, size };
    } catch (error) {
      await sink.fail();
      throw error;
    }
  }
}
