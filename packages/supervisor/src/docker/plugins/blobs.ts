import { createHash, randomBytes } from 'node:crypto';
import { type ContentService, WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import { type CallContext, detached, isErrorOf, type ServiceClient } from '@gantry/rpc';

export type Content = Pick<ServiceClient<typeof ContentService>, 'write' | 'read' | 'abort' | 'update'>;

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

/** Largest piece in one message. */
const PIECE = 1 << 20;

/** Takes bytes into the content store and gives their digest; they belong to the lease of the context. */
export async function writeBlob(
  content: Content,
  ctx: CallContext,
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  labels: Record<string, string> = {},
): Promise<Blob> {
  const ref = `gantry-plugin-${randomBytes(12).toString('hex')}`;
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
    for await (const part of source)
      for (let at = 0; at < part.length; at += PIECE) {
        const data = part.subarray(at, at + PIECE);
        hash.update(data);
        yield request({ data });
        size += data.length;
      }
    digest = `sha256:${hash.digest('hex')}`;
    yield request({ action: WriteAction.COMMIT, total: BigInt(size), expected: digest, labels });
  }
  try {
    for await (const { action } of content.write(ctx, requests())) if (action === WriteAction.COMMIT) break;
  } catch (error) {
    await content.abort(detached(ctx), { ref }).catch(() => undefined); // the failure of the write is told
    if (digest === '' || !isErrorOf(error, 'alreadyExists')) throw error;
    await content.update(ctx, {
      info: { digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels },
      updateMask: Object.keys(labels).map((key) => `labels.${key}`),
    });
  }
  return { digest, size };
}

/** A small blob whole. */
export async function readBlob(content: Pick<Content, 'read'>, ctx: CallContext, digest: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { data } of content.read(ctx, { digest, offset: 0n, size: 0n })) parts.push(data);
  return Buffer.concat(parts);
}
