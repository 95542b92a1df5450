import { withMounts } from '@gantry/linux';
import { mediaTypes } from '@gantry/oci';
import { failedPrecondition } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import { UNCOMPRESSED_LABEL } from '../layers/intake';
import type { Laid, NativeTree } from '../layers/native';
import { layStored } from '../layers/stored';
import type { Mount } from '../snapshots/snapshotter';
import type { Scope } from '../store/namespaced';
import type { MountedTrees } from './mounted-trees';
import type { PlainTree } from './plain-tree';

export interface Applied {
  readonly mediaType: string;
  /** Of the uncompressed tar. */
  readonly digest: string;
  readonly size: number;
}

/** Lays a stored layer out into the mounts of an active snapshot. */
export class DiffApplier {
  constructor(
    private readonly content: ContentStore,
    private readonly native: NativeTree,
    private readonly plain: PlainTree,
    private readonly trees: MountedTrees,
  ) {}

  async apply(scope: Scope, digest: string, mounts: readonly Mount[]): Promise<Applied> {
    const tree = this.trees.behind(mounts);
    if (tree.kind === 'layers' ? tree.upper === undefined : !tree.writable)
      throw failedPrecondition(`layer ${digest} cannot be applied to a read-only snapshot`);
    if (tree.kind === 'whole') return withMounts(tree.mounts, (root) => this.lay(scope, digest, { native: this.plain, root }));
    const upper = tree.upper ?? '';
    // Nothing is below the lowest layer, which is shown as it is: marks that hide would be seen.
    const native = tree.lower.length === 0 ? this.plain : this.native;
    return this.lay(scope, digest, { native, root: upper }, (laid) => this.native.adopt(upper, laid.implicit, tree.lower));
  }

  private async lay(
    scope: Scope,
    digest: string,
    { native, root }: { readonly native: NativeTree; readonly root: string },
    after: (laid: Laid) => Promise<void> = () => Promise.resolve(),
  ): Promise<Applied> {
    const { diffId, size, laid } = await layStored(this.content, native, scope, { digest, root });
    await after(laid);
    this.content.note(scope, digest, { [UNCOMPRESSED_LABEL]: diffId });
    return { mediaType: mediaTypes.ociLayer, digest: diffId, size };
  }
}
