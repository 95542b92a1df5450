import { open } from 'node:fs/promises';
import { gzipLevel } from '@gantry/native';
import type { Ingest } from '../content/ingest';
import type { LayerTree, NativeTree } from '../layers/native';
import type { WrittenLayer } from './pack-zstd';

/** The program packs, compresses and hashes the tree and writes the upload's file itself: none of its bytes passes through this process. */
export async function writeLayer(native: NativeTree, ingest: Ingest, tree: LayerTree, compression: 'none' | 'gzip'): Promise<WrittenLayer> {
  await ingest.truncate(0);
  const file = await open(ingest.path, 'r+');
  try {
    const packing = native.packLayer(tree, compression === 'gzip' ? gzipLevel(undefined) : undefined, file.fd);
    try {
      const { digest, size, diffId } = await packing.done;
      await ingest.filled(digest, size);
      return { digest, size, diffId };
    } finally {
      packing.kill();
    }
  } finally {
    await file.close();
  }
}
