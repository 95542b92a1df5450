import {
  type ContentService,
  type Info,
  type Status,
  WriteAction,
  type WriteContentRequest,
  type WriteContentResponse,
} from '@gantry/api/containerd/services/content/v1/content';
import { type CallContext, type Handlers, invalidArgument, outOfRange } from '@gantry/rpc';
import type { ContentInfo } from '../content/records';
import type { Ingest } from '../content/ingest';
import type { ContentStore } from '../content/store';
import type { IngestStatus } from '../content/uploads';
import { compileFilters } from '@gantry/oci/filter';
import { microsToTimestamp } from '../store/time';

/** Records in one message of a list. */
const PAGE = 100;
/** Bytes in one message of a read: larger ones are not faster over a unix socket. */
const READ_CHUNK = 512 << 10;

/** containerd.services.content.v1.Content. */
export function contentHandlers(content: ContentStore): Handlers<ContentService> {
  return {
    info: async (ctx, { digest }) => ({ info: wireInfo(content.info(ctx, digest)) }),
    update: async (ctx, { info, updateMask }) => {
      if (info === undefined) throw invalidArgument('content info is missing');
      return { info: wireInfo(content.update(ctx, info.digest, info.labels, updateMask ?? [])) };
    },
    list: async function* (ctx, { filters }) {
      const infos = content.list(ctx, compileFilters(filters)).map(wireInfo);
      for (let at = 0; at < infos.length; at += PAGE) yield { info: infos.slice(at, at + PAGE) };
    },
    delete: async (ctx, { digest }) => {
      content.delete(ctx, digest);
      return {};
    },
    read: async function* (ctx, { digest, offset, size }) {
      let at = Number(offset);
      for await (const data of content.read(ctx, digest, at, Number(size), READ_CHUNK)) {
        yield { offset: BigInt(at), data };
        at += data.length;
      }
    },
    status: async (ctx, { ref }) => ({ status: wireStatus(content.uploads.status(ctx, ref)) }),
    listStatuses: async (ctx, { filters }) => ({ statuses: content.uploads.statuses(ctx, compileFilters(filters)).map(wireStatus) }),
    write: (ctx, requests) => write(content, ctx, requests),
    abort: async (ctx, { ref }) => {
      await content.uploads.abort(ctx, ref);
      return {};
    },
  };
}

/**
 * One upload: the first message opens the ref (any action), each is answered, a commit ends it. Closing the stream without one keeps the bytes
 * for a later resume.
 */
async function* write(
  content: ContentStore,
  ctx: CallContext,
  requests: AsyncIterable<WriteContentRequest>,
): AsyncGenerator<WriteContentResponse> {
  let ingest: Ingest | undefined;
  let total = 0;
  let expected = '';
  try {
    for await (const request of requests) {
      if (request.ref === '' && ingest === undefined) throw invalidArgument('first message must have a reference');
      if (ingest !== undefined && request.ref !== '' && request.ref !== ingest.ref)
        throw invalidArgument(`reference changed from ${ingest.ref} to ${request.ref}`);
      if (request.expected !== '') {
        if (expected !== '' && expected !== request.expected)
          throw invalidArgument(`commit digest differs from writer digest: ${request.expected} != ${expected}`);
        expected = request.expected;
      }
      if (request.total > 0n) {
        if (total > 0 && total !== Number(request.total)) throw invalidArgument(`total ${request.total} differs from ${total}`);
        total = Number(request.total);
      }
      ingest ??= await content.ingest(ctx, request.ref, total, expected);
      if (request.action !== WriteAction.STAT) {
        await append(ingest, request);
        if (request.action === WriteAction.COMMIT) {
          const info = await ingest.commit(total, expected, request.labels);
          yield answer(ingest, WriteAction.COMMIT, info.size, info.digest);
          return;
        }
      }
      yield answer(ingest, request.action, ingest.offset, ingest.digest());
    }
  } finally {
    await ingest?.release();
  }
}

async function append(ingest: Ingest, request: WriteContentRequest): Promise<void> {
  ingest.requireOpen();
  const offset = Number(request.offset);
  if (request.data.length > 0) {
    if (offset > ingest.offset) throw outOfRange(`write @${offset} must occur at current offset ${ingest.offset}`);
    if (offset === 0 && ingest.offset > 0) await ingest.truncate(0);
    else if (offset < ingest.offset) throw outOfRange(`write @${offset} must occur at current offset ${ingest.offset}`);
    await ingest.write(request.data);
  } else if (offset > ingest.offset) {
    throw outOfRange(`offset ${offset} is beyond the ingest's ${ingest.offset}`);
  }
}

function answer(ingest: Ingest, action: WriteAction, offset: number, digest: string): WriteContentResponse {
  return {
    action,
    startedAt: microsToTimestamp(ingest.started),
    updatedAt: microsToTimestamp(ingest.updated),
    offset: BigInt(offset),
    total: BigInt(ingest.total),
    digest,
  };
}

function wireInfo(info: ContentInfo): Info {
  return {
    digest: info.digest,
    size: BigInt(info.size),
    createdAt: microsToTimestamp(info.created),
    updatedAt: microsToTimestamp(info.updated),
    labels: info.labels,
  };
}

function wireStatus(status: IngestStatus): Status {
  return {
    startedAt: microsToTimestamp(status.started),
    updatedAt: microsToTimestamp(status.updated),
    ref: status.ref,
    offset: BigInt(status.offset),
    total: BigInt(status.total),
    expected: status.expected,
  };
}
