import { WriteAction, type WriteContentRequest, WriteContentResponse } from '@gantry/api/containerd/services/content/v1/content';
import { sha256 } from '@gantry/oci';
import { alreadyExists, notFound } from '@gantry/rpc';
import type { ContentServices } from '../../worker/blobs';

export interface Content {
  readonly blobs: Map<string, Buffer>;
  readonly services: ContentServices;
}

/** A content store in memory. */
export function memoryContent(): Content {
  const blobs = new Map<string, Buffer>();
  const content = {
    async *read(_ctx: unknown, { digest, offset }: { digest: string; offset: bigint }) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw notFound(`content ${digest}: not found`);
      yield { offset, data: bytes.subarray(Number(offset)) };
    },
    info: (_ctx: unknown, { digest }: { digest: string }) => {
      const bytes = blobs.get(digest);
      if (bytes === undefined) return Promise.reject(notFound(`content ${digest}: not found`));
      return Promise.resolve({
        info: {
          digest,
          size: BigInt(bytes.length),
          labels: { 'containerd.io/uncompressed': sha256(`diff ${bytes.toString()}`) },
          createdAt: undefined,
          updatedAt: undefined,
        },
      });
    },
    abort: () => Promise.resolve({}),
    update: () => Promise.resolve({ info: undefined }),
    async *write(_ctx: unknown, requests: AsyncIterable<WriteContentRequest>) {
      const parts: Buffer[] = [];
      for await (const { action, data, expected } of requests) {
        if (action === WriteAction.STAT && blobs.has(expected)) throw alreadyExists(expected);
        parts.push(data);
        if (action === WriteAction.COMMIT) {
          const bytes = Buffer.concat(parts);
          if (expected !== '' && sha256(bytes) !== expected) throw notFound(`unexpected digest of ${expected}`);
          blobs.set(sha256(bytes), bytes);
        }
        yield WriteContentResponse.fromPartial({ action, offset: 0n });
      }
    },
  };
  return { blobs, services: { content: content as unknown as ContentServices['content'], inStore: (ctx) => ctx } };
}
