import { createHash, randomBytes } from 'node:crypto';
import { type ContentService, WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import { type CallContext, detached, ignore, isErrorOf, type ServiceClient } from '@gantry/rpc';
import { insist } from './insist';

export type Content = ServiceClient<typeof ContentService>;

/** Largest piece of a blob in one message. */
const PIECE = 1 << 20;

/** The bytes of a blob. */
export async function* readBlob(
  content: Pick<Content, 'read'>,
  ctx: CallContext,
  digest: string,
  range?: { offset: number; size: number },
): AsyncGenerator<Buffer> {
  const { offset = 0, size = 0 } = range ?? {};
  for await (const { data } of content.read(ctx, { digest, offset: BigInt(offset), size: BigInt(size) })) yield data;
}

/** A blob that was taken into the content store. */
export interface Written {
  readonly digest: string;
  readonly size: number;
}

/** What names of uploads begin with that nobody goes on with but who began them: an upload of a blob that is known beforehand is named by its digest. */
const ONCE = 'gantry-build-once-';

export const uploadRef = (): string => `${ONCE}${randomBytes(12).toString('hex')}`;

/** Runs what uploads under a name of its own; where it fails nothing of the upload is left. */
export async function uploading<T>(content: Pick<Content, 'abort'>, ctx: CallContext, upload: (ref: string) => Promise<T>): Promise<T> {
  const ref = uploadRef();
  try {
    return await upload(ref);
  } catch (error) {
    await insist(() => content.abort(detached(ctx), { ref })).catch(() => undefined); // the failure of the upload is told
    throw error;
  }
}

/** Before anything is uploaded: drops what a former life was at. */
export async function abortUploads(content: Pick<Content, 'abort' | 'listStatuses'>, ctx: CallContext): Promise<void> {
  const { statuses } = await content.listStatuses(ctx, { filters: [] });
  for (const { ref } of statuses) if (ref.startsWith(ONCE)) await content.abort(ctx, { ref }).catch(ignore('notFound'));
}

/**
 * Takes bytes into the content store, of any length, and gives their digest. The blob belongs to the lease of the context. One that is here already is left as it is
 * (its labels are added to).
 */
export async function writeBlob(
  content: Pick<Content, 'write' | 'update' | 'abort'>,
  ctx: CallContext,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  labels: Record<string, string> = {},
): Promise<Written> {
  const ref = uploadRef();
  const hash = createHash('sha256');
  let size = 0;
  let digest = '';
  const request = (change: Partial<WriteContentRequest>): WriteContentRequest => ({
    action: WriteAction.WRITE,
    ref,
    total: 0n,
    expected: '',
    offset: BigInt(size),
    data: Buffer.alloc(0),
    labels: {},
    ...change,
  });
  async function* requests(): AsyncGenerator<WriteContentRequest> {
    for await (const part of source) {
      for (let at = 0; at < part.length; at += PIECE) {
        const data = Buffer.from(part.buffer, part.byteOffset + at, Math.min(PIECE, part.length - at));
        hash.update(data);
        yield request({ data });
        size += data.length;
      }
    }
    digest = `sha256:${hash.digest('hex')}`;
    yield request({ action: WriteAction.COMMIT, total: BigInt(size), expected: digest, labels });
  }
  try {
    for await (const answer of content.write(ctx, requests())) if (answer.action === WriteAction.COMMIT) break;
  } catch (error) {
    if (!isErrorOf(error, 'alreadyExists') || digest === '') {
      await insist(() => content.abort(detached(ctx), { ref })).catch(() => undefined); // the failure of the write is told
      throw error;
    }
    const paths = Object.keys(labels).map((key) => `labels.${key}`);
    if (paths.length > 0)
      await content.update(ctx, { info: { digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels }, updateMask: paths });
  }
  return { digest, size };
}
