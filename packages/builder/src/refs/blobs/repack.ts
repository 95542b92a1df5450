import { createHash } from 'node:crypto';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CallContext } from '@gantry/rpc';
import { readBlob, writeBlob } from '../../worker/content';
import type { BlobLayer, BlobOptions } from '../ref';
import type { StoreServices } from '../snapshots';
import { compressor, decompressor } from './compress';
import { mediaTypeOf } from './media';
import { capTimes } from './tar-times';

/** containerd's label on a layer blob: the digest of its tar. */
export const UNCOMPRESSED = 'containerd.io/uncompressed';

/** Makes another blob of a layer's blob: in another compression or at another level, with times that are no later than one given. In one pass. */
export async function repack(
  services: StoreServices,
  ctx: CallContext,
  { blob, from, how }: { readonly blob: BlobLayer['blob']; readonly from: BlobOptions['compression']; readonly how: BlobOptions },
): Promise<BlobLayer> {
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const source = Readable.from(readBlob(services.content, ctx, blob.digest), { objectMode: false });
  const times = how.latestTime === undefined ? [] : [capTimes(how.latestTime)];
  let diffId = '';
  tap.once('end', () => (diffId = `sha256:${hash.digest('hex')}`));
  const packed = compressor(how);
  const flow = pipeline([source, decompressor(from), ...times, tap, packed], { signal: ctx.signal });
  flow.catch(() => undefined); // the reader sees it, too
  const written = await writeBlob(services.content, ctx, packed as AsyncIterable<Buffer>);
  await flow;
  await services.content.update(ctx, {
    info: { digest: written.digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels: { [UNCOMPRESSED]: diffId } },
    updateMask: [`labels.${UNCOMPRESSED}`],
  });
  return {
    blob: { mediaType: mediaTypeOf(how.compression, how.oci), digest: written.digest as BlobLayer['blob']['digest'], size: written.size },
    diffId,
  };
}
