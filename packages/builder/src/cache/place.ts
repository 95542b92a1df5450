import type { Descriptor } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';

/** Where a cache is read from. */
export interface CacheOrigin {
  /** The manifest; its size may not be known. */
  readonly root: Descriptor;
  /** A document whole, checked against its digest. */
  read(ctx: CallContext, document: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>): Promise<Buffer>;
  /** Brings a layer into the content store. */
  fetch(ctx: CallContext, layer: Descriptor): Promise<void>;
}

/** Where a cache is written to. */
export interface CacheTarget {
  /** A blob; one that is there already costs nothing. `chunks` gives its bytes from an offset on. */
  write(ctx: CallContext, blob: Descriptor, chunks: (offset: number) => AsyncIterable<Buffer>): Promise<void>;
  /** The manifest, last: from now on the cache is there. */
  finish(ctx: CallContext, manifest: Descriptor, bytes: Buffer): Promise<void>;
}
