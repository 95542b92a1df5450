import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import type { Ingest } from '../content/ingest';
import type { LayerTree, NativeTree } from '../layers/native';

/** What a layer's zstd is made with, whoever makes it. */
export const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

export interface WrittenLayer {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

/** The program packs the tree; zstd is Node's. */
export async function packZstd(native: NativeTree, ingest: Ingest, tree: LayerTree): Promise<WrittenLayer> {
  await ingest.truncate(0);
  const packing = native.pack(tree.root, { ...tree, layer: true });
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const packed = createZstdCompress(ZSTD);
  try {
    await pipeline(packing.output, tap, packed, async (source: AsyncIterable<Buffer>) => {
      for await (const part of source) await ingest.write(part);
    });
    await packing.done;
    return { digest: ingest.digest(), size: ingest.offset, diffId: `sha256:${hash.digest('hex')}` };
  } finally {
    packing.kill();
  }
}
