import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dataLoss, failedPrecondition } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { Scope } from '../store/namespaced';
import { detectCompression, MAGIC_SIZE } from './decompress';
import type { Laid, NativeTree } from './native';
import { LayerSink } from './sink';

export interface StoredLayer {
  /** Digest of the tar. */
  readonly diffId: string;
  /** Bytes of the blob. */
  readonly size: number;
  readonly laid: Laid;
}

/**
 * Lays a blob that is here out below root. The native program reads plain and gzip ones itself; zstd is decompressed in this process. Errors: notFound,
 * failedPrecondition (the file is cut short), dataLoss and the program's own. What was laid out until then stays.
 */
export async function layStored(
  content: ContentStore,
  native: NativeTree,
  scope: Scope,
  { digest, root, signal }: { readonly digest: string; readonly root: string; readonly signal?: AbortSignal | undefined },
): Promise<StoredLayer> {
  const { size } = content.info(scope, digest);
  signal?.throwIfAborted();
  const file = openSync(content.paths.blob(digest), 'r');
  try {
    if (fstatSync(file).size < size) throw failedPrecondition(`content ${digest} is shorter on disk than recorded`);
    const head = Buffer.alloc(MAGIC_SIZE);
    readSync(file, head, 0, MAGIC_SIZE, 0);
    const compression = detectCompression(head);
    if (compression === 'zstd') return await throughHere(content, native, scope, { digest, size, root, signal });
    try {
      // The name may go while the descriptor holds the file.
      const path = `/proc/${process.pid}/fd/${file}`;
      const laid = await native.lay(root, true, { path, size, gzip: compression === 'gzip', signal });
      return { diffId: laid.digest ?? digest, size, laid };
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

async function throughHere(
  content: ContentStore,
  native: NativeTree,
  scope: Scope,
  {
    digest,
    size,
    root,
    signal,
  }: { readonly digest: string; readonly size: number; readonly root: string; readonly signal: AbortSignal | undefined },
): Promise<StoredLayer> {
  const sink = new LayerSink({ native, root });
  try {
    for await (const part of content.read(scope, digest)) {
      signal?.throwIfAborted();
      await sink.write(part);
    }
    const { diffId, laid } = await sink.end();
    if (laid === undefined) throw dataLoss(`layer ${digest} was not unpacked`);
    return { diffId, size, laid };
  } catch (error) {
    await sink.fail();
    throw error;
  }
}
