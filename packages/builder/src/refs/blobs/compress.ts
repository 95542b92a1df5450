import { type Transform, PassThrough } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { invalidArgument } from '@gantry/rpc';
import type { BlobOptions } from '../ref';

const CHUNK = 1 << 20;
const levels = { gzip: [-1, 9], zstd: [0, 22] } as const;

/** Packs a layer. A level that the method does not have is refused. */
export function compressor({ compression, level }: Pick<BlobOptions, 'compression' | 'level'>): Transform {
  if (compression === 'uncompressed') return new PassThrough();
  const [least, most] = levels[compression];
  if (level !== undefined && (level < least || level > most))
    throw invalidArgument(`compression-level ${level} is not one of ${compression}`);
  if (compression === 'gzip') return createGzip({ level: level ?? 6, chunkSize: CHUNK });
  return createZstdCompress({ chunkSize: CHUNK, params: { [constants.ZSTD_c_compressionLevel]: level ?? 3 } });
}

export function decompressor(compression: BlobOptions['compression']): Transform {
  if (compression === 'gzip') return createGunzip({ chunkSize: CHUNK });
  if (compression === 'zstd') return createZstdDecompress({ chunkSize: CHUNK });
  return new PassThrough();
}
