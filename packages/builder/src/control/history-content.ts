import type { ContentService, ReadContentRequest, ReadContentResponse } from '@gantry/api/containerd/services/content/v1/content';
import { type Handlers, notFound, outOfRange } from '@gantry/rpc';
import type { Services } from '../worker/services';

/** Bytes in one message. */
const PIECE = 1 << 20;

/** Which blobs records of builds name. */
export interface NamedBlobs {
  names(digest: string): boolean;
  /** Those that are not in the content store yet. */
  inMemory(digest: string): Buffer | undefined;
}

/** The content of records of builds, read only: clients look into logs, errors and statements by their digests. What no record names is not there. */
export function historyContent(
  { content, inStore }: Pick<Services, 'content' | 'inStore'>,
  history: NamedBlobs,
): Pick<Handlers<typeof ContentService>, 'info' | 'read'> {
  const check = (digest: string): void => {
    if (!history.names(digest)) throw notFound(`content ${digest}: not found`);
  };
  return {
    info: async (ctx, request) => {
      const { digest } = request;
      check(digest);
      const bytes = history.inMemory(digest);
      if (bytes === undefined) return content.info(inStore(ctx), request);
      return { info: { digest, size: BigInt(bytes.length), createdAt: undefined, updatedAt: undefined, labels: {} } };
    },
    read: async function* (ctx, request) {
      const { digest } = request;
      check(digest);
      const bytes = history.inMemory(digest);
      if (bytes === undefined) yield* content.read(inStore(ctx), request);
      else yield* rangeOf(bytes, request);
    },
  };
}

/** The bytes that were asked for; a size of 0 is all that follow. */
function* rangeOf(bytes: Buffer, { digest, offset, size }: ReadContentRequest): Generator<ReadContentResponse> {
  const from = Math.max(0, Number(offset));
  if (from > bytes.length) throw outOfRange(`offset ${offset} is outside of content ${digest} (${bytes.length} bytes)`);
  const end = size <= 0n ? bytes.length : Math.min(bytes.length, from + Number(size));
  for (let at = from; at < end; at += PIECE) yield { offset: BigInt(at), data: bytes.subarray(at, Math.min(at + PIECE, end)) };
}
