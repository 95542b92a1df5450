import { randomBytes } from 'node:crypto';
import { createHash } from 'node:crypto';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { layerCompression, mediaTypes } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { type ContentStore, isExisting } from '../content/store';
import { UNCOMPRESSED_LABEL } from '../layers/intake';
import type { NativeTree, Packing } from '../layers/native';
import type { Mount } from '../snapshots/snapshotter';
import type { Trees } from '../snapshots/trees';
import { withMounts } from '../snapshots/view';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';
import type { MountedTrees } from './mounted-trees';

export interface CreateOptions {
  readonly left: readonly Mount[];
  readonly right: readonly Mount[];
  /** Empty: an uncompressed OCI layer. */
  readonly mediaType: string;
  readonly ref: string;
  readonly labels: Labels;
}

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
    private readonly compared: Trees,
  ) {}

  /** Overlayfs' difference is read off the upper directory where right lies on left; any other two trees are mounted and compared. */
  async create(scope: Scope, options: CreateOptions): Promise<CreatedDiff> {
    const left = this.trees.behind(options.left);
    const right = this.trees.behind(options.right);
    if (right.kind === 'whole') return this.createWhole(scope, options, right.mounts);
    // A foreign snapshotter shows its lowest layer as one bind.
    const below =
      left.kind === 'whole' ? left.mounts.map(({ source }) => source) : [...(left.upper === undefined ? [] : [left.upper]), ...left.lower];
    const [top, under] = right.upper === undefined ? [right.lower[0], right.lower.slice(1)] : [right.upper, right.lower];
    if (top === undefined || under.join(':') !== below.join(':')) return this.createWhole(scope, options, options.right);
    return this.pack(scope, () => this.native.pack(top, { overlay: true, layer: true }), options);
  }

  private createWhole(scope: Scope, options: CreateOptions, right: readonly Mount[]): Promise<CreatedDiff> {
    return withMounts(right, (top) => {
      if (options.left.length === 0) return this.pack(scope, () => this.native.pack(top, { layer: true }), options);
      return withMounts(options.left, (below) => this.pack(scope, () => this.compared.packDifference(below, top), options));
    });
  }

  private async pack(
    scope: Scope,
    start: () => Packing,
    options: Pick<CreateOptions, 'mediaType' | 'ref' | 'labels'>,
  ): Promise<CreatedDiff> {
    const mediaType = options.mediaType === '' ? mediaTypes.ociLayer : options.mediaType;
    const compression = layerCompression(mediaType);
    if (compression === undefined) throw invalidArgument(`media type ${mediaType} is no layer`);
    const ingest = await this.content.ingest(scope, options.ref === '' ? `diff-${randomBytes(8).toString('hex')}` : options.ref);
    const packing = start();
    const hash = createHash('sha256');
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    const squeeze =
      compression === 'gzip'
        ? createGzip({ level: 6, chunkSize: 1 << 20 })
        : compression === 'zstd'
          ? createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } })
          : new PassThrough();
    try {
      await ingest.truncate(0);
      await pipeline(packing.output, tap, squeeze, async (source: AsyncIterable<Buffer>) => {
        for await (const part of source) await ingest.write(part);
      });
      await packing.done;
      const digest = ingest.digest();
      const size = ingest.offset;
      const diffId = `sha256:${hash.digest('hex')}`;
      const labels = { ...options.labels, [UNCOMPRESSED_LABEL]: diffId };
      await ingest.commit(size, digest, labels).catch((error: unknown) => {
        if (!isExisting(error)) throw error;
        this.content.hold(scope, digest);
        this.content.setLabels(scope, digest, labels);
      });
      return { mediaType, digest, size, diffId };
    } finally {
      packing.kill();
      await ingest.discard();
    }
  }
}
