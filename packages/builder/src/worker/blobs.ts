import { WriteAction, type WriteContentRequest } from '@gantry/api/containerd/services/content/v1/content';
import { type CallContext, dataLoss, isErrorOf, pause, resourceExhausted } from '@gantry/rpc';
import { writeBlob as upload } from './content';
import type { Services } from './services';

/** What of the content store is needed. */
export type ContentServices = Pick<Services, 'content' | 'inStore'>;

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

const PIECE = 1 << 20;
/** Between two looks at a blob that somebody else writes, milliseconds. */
const LOCKED_MS = 100;

const refOf = (digest: string): string => `gantry-build-${digest}`;

/** Where a blob's bytes come from. */
export interface Writing {
  readonly chunks: (offset: number) => AsyncIterable<Buffer>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Bytes of a blob from an offset on. Rejects with notFound. */
export async function* readBlob(
  { content, inStore }: ContentServices,
  ctx: CallContext,
  digest: string,
  offset = 0,
): AsyncGenerator<Buffer> {
  for await (const { data } of content.read(inStore(ctx), { digest, offset: BigInt(offset), size: 0n })) yield data;
}

/** A small blob whole. */
export async function readWhole(services: ContentServices, ctx: CallContext, digest: string, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of readBlob(services, ctx, digest)) {
    size += part.length;
    if (size > limit) throw resourceExhausted(`content ${digest} is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Labels of a blob that is here; undefined when it is not. */
export async function blobLabels(
  { content, inStore }: ContentServices,
  ctx: CallContext,
  digest: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return (await content.info(inStore(ctx), { digest })).info?.labels ?? {};
  } catch (error) {
    if (isErrorOf(error, 'notFound')) return undefined;
    throw error;
  }
}

/**
 * Writes a blob; the store checks its digest. One that is here already gets the labels. `chunks` is asked for the bytes from an offset on: what an interrupted
 * write left is not brought again. Waits while somebody else writes the same one.
 */
export async function writeBlob(services: ContentServices, ctx: CallContext, blob: Blob, how: Writing): Promise<void> {
  for (;;) {
    try {
      return await writeOnce(services, ctx, blob, how);
    } catch (error) {
      if (!isErrorOf(error, 'unavailable') || !(await isWritten(services, ctx, blob.digest))) throw error;
      if (!(await pause(LOCKED_MS, { signal: ctx.signal }))) throw error;
    }
  }
}

/** Whether somebody writes the blob just now, or has written it. */
async function isWritten(services: ContentServices, ctx: CallContext, digest: string): Promise<boolean> {
  try {
    await services.content.status(services.inStore(ctx), { ref: refOf(digest) });
    return true;
  } catch {
    return (await blobLabels(services, ctx, digest)) !== undefined;
  }
}

async function writeOnce(services: ContentServices, ctx: CallContext, { digest, size }: Blob, how: Writing): Promise<void> {
  const { content, inStore } = services;
  const { labels = {} } = how;
  const ref = refOf(digest);
  const request = (change: Partial<WriteContentRequest>): WriteContentRequest => ({
    action: WriteAction.WRITE,
    ref,
    total: BigInt(size),
    expected: digest,
    offset: 0n,
    data: Buffer.alloc(0),
    labels: {},
    ...change,
  });
  const begun = Promise.withResolvers<number>();
  begun.promise.catch(() => undefined);
  async function* requests(): AsyncGenerator<WriteContentRequest> {
    yield request({ action: WriteAction.STAT });
    let offset = await begun.promise;
    for await (const chunk of offset < size || size === 0 ? how.chunks(offset) : [])
      for (let at = 0; at < chunk.length; at += PIECE) {
        const data = chunk.subarray(at, at + PIECE);
        yield request({ offset: BigInt(offset), data });
        offset += data.length;
      }
    yield request({ action: WriteAction.COMMIT, offset: BigInt(offset), labels: { ...labels } });
  }
  let done = false;
  try {
    for await (const answer of content.write(inStore(ctx), requests())) {
      if (answer.action === WriteAction.STAT) begun.resolve(Number(answer.offset));
      done ||= answer.action === WriteAction.COMMIT;
    }
  } catch (error) {
    if (!isErrorOf(error, 'alreadyExists')) throw error;
    begun.reject(error);
    await label(services, ctx, digest, labels);
    return;
  }
  if (!done) throw dataLoss(`content ${digest} was not taken`);
}

/** Writes a document, which is here whole: nobody goes on with its upload, so that of one that fails, or whose builder is killed, nothing is left. */
export async function writeDocument(
  { content, inStore }: ContentServices,
  ctx: CallContext,
  { digest }: Blob,
  bytes: Buffer,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const written = await upload(content, inStore(ctx), [bytes], { ...labels });
  if (written.digest !== digest) throw dataLoss(`document ${written.digest} was to be ${digest}`);
}

async function label(
  { content, inStore }: ContentServices,
  ctx: CallContext,
  digest: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const names = Object.keys(labels);
  if (names.length === 0) return;
  await content.update(inStore(ctx), {
    info: { digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels: { ...labels } },
    updateMask: names.map((name) => `labels.${name}`),
  });
}
