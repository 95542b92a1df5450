import { randomBytes } from 'node:crypto';
import { withMounts } from '@gantry/linux';
import { layerCompression, mediaTypes, sha256 } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { type ContentStore, isExisting } from '../content/store';
import { UNCOMPRESSED_LABEL } from '../layers/intake';
import type { LayerTree, NativeTree } from '../layers/native';
import type { Mount } from '../snapshots/snapshotter';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { MountedTrees } from './mounted-trees';
import { packZstd } from './pack-zstd';
import type { SmallLayers } from './small-layers';
import { writeLayer } from './write-layer';

export interface CreateOptions {
  readonly left: readonly Mount[];
  readonly right: readonly Mount[];
  /** Empty: an uncompressed OCI layer. */
  readonly mediaType: string;
  readonly ref: string;
  readonly labels: Labels;
}

/** What a call says: its place in the store, and when nobody waits any more. */
export type DiffScope = Scope & { readonly signal?: AbortSignal };

export interface CreatedDiff {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

/** Makes layers of what a snapshot changed. */
export class DiffCreator {
  constructor(
    private readonly content: ContentStore,
    private readonly native: NativeTree,
    private readonly trees: MountedTrees,
    private readonly small: SmallLayers,
  ) {}

  /** Overlayfs' difference is read off the upper directory, held beside what it lies on, where right lies on left; any other two trees are mounted and compared. */
  async create(scope: DiffScope, options: CreateOptions): Promise<CreatedDiff> {
    const left = this.trees.behind(options.left);
    const right = this.trees.behind(options.right);
    if (right.kind === 'whole') return this.createWhole(scope, options, right.mounts);
    // A foreign snapshotter shows its lowest layer as one bind.
    const below =
      left.kind === 'whole' ? left.mounts.map(({ source }) => source) : [...(left.upper === undefined ? [] : [left.upper]), ...left.lower];
    const [top, under] = right.upper === undefined ? [right.lower[0], right.lower.slice(1)] : [right.upper, right.lower];
    if (top === undefined || under.join(':') !== below.join(':')) return this.createWhole(scope, options, options.right);
    const compression = compressionOf(options);
    const archive = await this.small.archive(top, under, scope.signal);
    if (archive === undefined) return this.pack(scope, { root: top, overlay: true, lower: under }, options);
    const diffId = sha256(archive);
    const bytes = await this.small.packed(archive, compression);
    const digest = sha256(bytes);
    await this.content.put(scope, bytes, digest, { ...options.labels, [UNCOMPRESSED_LABEL]: diffId });
    return { mediaType: typeOf(options), digest, size: bytes.length, diffId };
  }

  private createWhole(scope: Scope, options: CreateOptions, right: readonly Mount[]): Promise<CreatedDiff> {
    return withMounts(right, (top) => {
      if (options.left.length === 0) return this.pack(scope, { root: top }, options);
      return withMounts(options.left, (below) => this.pack(scope, { root: top, base: below }, options));
    });
  }

  private async pack(scope: Scope, tree: LayerTree, options: Pick<CreateOptions, 'mediaType' | 'ref' | 'labels'>): Promise<CreatedDiff> {
    const compression = compressionOf(options);
    const ingest = await this.content.ingest(scope, options.ref === '' ? `diff-${randomBytes(8).toString('hex')}` : options.ref);
    try {
      const { digest, size, diffId } = await (compression === 'zstd'
        ? packZstd(this.native, ingest, tree)
        : writeLayer(this.native, ingest, tree, compression));
      const labels = { ...options.labels, [UNCOMPRESSED_LABEL]: diffId };
      await ingest.commit(size, digest, labels).catch((error: unknown) => {
        if (!isExisting(error)) throw error;
        this.content.hold(scope, digest);
        this.content.setLabels(scope, digest, labels);
      });
      return { mediaType: typeOf(options), digest, size, diffId };
    } finally {
      await ingest.discard();
    }
  }
}

const typeOf = ({ mediaType }: Pick<CreateOptions, 'mediaType'>): string => (mediaType === '' ? mediaTypes.ociLayer : mediaType);

function compressionOf(options: Pick<CreateOptions, 'mediaType'>): 'none' | 'gzip' | 'zstd' {
  const mediaType = typeOf(options);
  const compression = layerCompression(mediaType);
  if (compression === undefined) throw invalidArgument(`media type ${mediaType} is no layer`);
  return compression;
}
