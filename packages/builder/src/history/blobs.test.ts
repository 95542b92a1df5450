import { sha256 } from '@gantry/oci';
import { newContext, notFound, silentLogger } from '@gantry/rpc';
import { historyContent } from '../control/history-content';
import type { Services } from '../worker/services';
import { HistoryBlobs } from './blobs';

/** A content store that takes a while, and a lease. */
class FakeStore {
  readonly blobs = new Map<string, Buffer>();
  readonly held = new Set<string>();
  private go = Promise.withResolvers<void>();

  /** Lets writes go on. */
  open(): void {
    this.go.resolve();
  }

  get services(): Pick<Services, 'content' | 'leases' | 'inStore'> {
    const content = {
      write: async function* (this: FakeStore, _ctx: unknown, requests: AsyncIterable<{ action: number; data: Buffer; expected: string }>) {
        await this.go.promise;
        const parts: Buffer[] = [];
        for await (const { action, data, expected } of requests) {
          parts.push(data);
          if (expected !== '' && action === 2) this.blobs.set(expected, Buffer.concat(parts));
          yield { action, offset: 0n };
        }
      }.bind(this),
      read: async function* (this: FakeStore, _ctx: unknown, { digest }: { digest: string }) {
        const data = this.blobs.get(digest);
        if (data === undefined) throw notFound(digest);
        await Promise.resolve();
        yield { offset: 0n, data };
      }.bind(this),
    };
    const leases = {
      create: () => Promise.resolve({}),
      addResource: (_ctx: unknown, { resource }: { resource: { id: string } }) => Promise.resolve(void this.held.add(resource.id)),
      deleteResource: (_ctx: unknown, { resource }: { resource: { id: string } }) => Promise.resolve(void this.held.delete(resource.id)),
    };
    return { content, leases, inStore: (ctx: unknown) => ctx } as unknown as Pick<Services, 'content' | 'leases' | 'inStore'>;
  }
}

const ctx = newContext();
const text = async (chunks: AsyncIterable<Buffer | { data: Buffer }>): Promise<string> => {
  let all = '';
  for await (const chunk of chunks) all += (Buffer.isBuffer(chunk) ? chunk : chunk.data).toString();
  return all;
};

test('what was added is read at once, by clients too, and is in the store when it is settled', async () => {
  const store = new FakeStore();
  const blobs = new HistoryBlobs(store.services, silentLogger);
  const { digest, size } = blobs.add(Buffer.from('told'), 'text/plain');
  expect([digest, size]).toEqual([sha256('told'), 4n]);
  const shown = historyContent(store.services, { names: () => true, inMemory: (each) => blobs.inMemory(each) });
  const read = (offset: bigint, length: bigint): Promise<string> =>
    text(shown.read(ctx, { digest, offset, size: length }, undefined as never) as AsyncIterable<{ data: Buffer }>);
  const settled = blobs.settled();
  for (const written of [false, true]) {
    if (written) {
      store.open();
      await settled;
    }
    expect([await text(blobs.read(ctx, digest)), store.held.has(digest)]).toEqual(['told', written]);
    expect(blobs.inMemory(digest) === undefined).toBe(written);
    if (written) continue;
    expect([await read(0n, 0n), await read(1n, 2n), await read(4n, 0n)]).toEqual(['told', 'ol', '']);
    await expect(read(5n, 0n)).rejects.toThrow('outside of content');
    expect((await shown.info(ctx, { digest })).info).toMatchObject({ digest, size: 4n });
  }
});

test('what was dropped while it was written is held by nothing', async () => {
  const store = new FakeStore();
  const blobs = new HistoryBlobs(store.services, silentLogger);
  const { digest } = blobs.add(Buffer.from('told'), 'text/plain');
  const other = blobs.add(Buffer.from('other'), 'text/plain');
  const settled = blobs.settled();
  await Promise.resolve();
  await blobs.drop(ctx, [digest, other.digest]);
  store.open();
  await settled;
  expect([store.held.size, blobs.inMemory(digest)]).toEqual([0, undefined]);
});
