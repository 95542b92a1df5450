import { posix } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { layerCompression } from '@gantry/oci';
import { readTar } from '@gantry/oci/tar';
import type { CallContext } from '@gantry/rpc';
import { decompressor } from '../../refs/blobs/compress';
import type { BlobLayer } from '../../refs/ref';
import { type ContentServices, readBlob } from '../../worker/blobs';

/** What a layer hides is not in it. */
const WHITEOUT = '.wh.';

/** Which layer of an image a file came with: the topmost that has it. Layers are read from the top, each once, no further than somebody asks. */
export class FileLayers {
  private readonly pending: BlobLayer[];
  private readonly found = new Map<string, string>();

  constructor(
    private readonly services: ContentServices,
    layers: readonly BlobLayer[],
  ) {
    this.pending = [...layers];
  }

  /** Digest of the layer; undefined for a file that no layer has. Not to be called again before it has answered. */
  async of(ctx: CallContext, file: string): Promise<string | undefined> {
    const path = posix.join('/', file);
    for (let layer = this.pending.at(-1); layer !== undefined && !this.found.has(path); layer = this.pending.at(-1)) {
      for await (const name of namesIn(this.services, ctx, layer)) if (!this.found.has(name)) this.found.set(name, layer.blob.digest);
      this.pending.pop();
    }
    return this.found.get(path);
  }
}

async function* namesIn(services: ContentServices, ctx: CallContext, { blob }: BlobLayer): AsyncGenerator<string> {
  const compression = layerCompression(blob.mediaType);
  const unpacked = decompressor(compression === 'gzip' || compression === 'zstd' ? compression : 'uncompressed');
  pipeline(Readable.from(readBlob(services, ctx, blob.digest), { objectMode: false }), unpacked, () => undefined); // told by what is read of it
  for await (const { name } of readTar(unpacked))
    if (!posix.basename(name).startsWith(WHITEOUT)) yield posix.join('/', name).replace(/(?<=.)\/$/, '');
}
