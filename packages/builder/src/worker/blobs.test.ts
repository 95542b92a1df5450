import { sha256 } from '@gantry/oci';
import { newContext, notFound, unavailable } from '@gantry/rpc';
import { memoryContent } from '../cache/testing/content';
import { writeBlob, writeDocument } from './blobs';
import { abortUploads } from './content';

const bytes = Buffer.from('bytes');
const blob = { digest: sha256(bytes), size: bytes.length };
const how = {
  async *chunks(offset: number) {
    yield bytes.subarray(offset);
  },
};

/** A store in which somebody else has the lock of the blob's writing for a number of tries. */
function locked(tries: number, told = true) {
  const { blobs, services } = memoryContent();
  let left = tries;
  const content = {
    ...services.content,
    status: () => (told ? Promise.resolve({ status: undefined }) : Promise.reject(notFound('no such ingest'))),
    write: (...args: Parameters<typeof services.content.write>) => {
      if (left-- > 0) throw unavailable('ref is locked by another writer');
      return services.content.write(...args);
    },
  };
  return { blobs, services: { ...services, content: content as typeof services.content } };
}

test('two who write the same blob at once both have it', async () => {
  const { blobs, services } = locked(2);
  await writeBlob(services, newContext(), blob, how);
  expect(blobs.get(blob.digest)?.toString()).toBe('bytes');
});

test('a store that is not there is told', async () => {
  const { services } = locked(1, false);
  await expect(writeBlob(services, newContext(), blob, how)).rejects.toMatchObject({ kind: 'unavailable' });
});

/** A store that breaks writes off, and knows the uploads that began. */
function breaking() {
  const { services } = memoryContent();
  const uploads = new Set<string>();
  const content = {
    ...services.content,
    async *write(_ctx: unknown, requests: AsyncIterable<{ ref: string }>): AsyncGenerator<never> {
      for await (const { ref } of requests) {
        uploads.add(ref);
        throw unavailable('the store is gone');
      }
    },
    listStatuses: () => Promise.resolve({ statuses: [...uploads].map((ref) => ({ ref })) }),
    abort: (_ctx: unknown, { ref }: { ref: string }) => {
      uploads.delete(ref);
      return Promise.resolve({});
    },
  } as unknown as typeof services.content;
  return { uploads, services: { ...services, content } };
}

test('a document whose write is broken off leaves no upload; that of a builder which is killed goes when the next one starts', async () => {
  const { uploads, services } = breaking();
  await expect(writeDocument(services, newContext(), blob, bytes)).rejects.toMatchObject({ kind: 'unavailable' });
  expect([...uploads]).toEqual([]);
  const killed = { ...services, content: { ...services.content, abort: () => Promise.reject(unavailable('killed')) } };
  await expect(writeDocument(killed, newContext(), blob, bytes)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(uploads.size).toBe(1);
  await abortUploads(services.content, newContext());
  expect([...uploads]).toEqual([]);
});

test('a blob that comes from elsewhere is gone on with', async () => {
  const { uploads, services } = breaking();
  await expect(writeBlob(services, newContext(), blob, how)).rejects.toMatchObject({ kind: 'unavailable' });
  await abortUploads(services.content, newContext());
  expect([...uploads]).toEqual([`gantry-build-${blob.digest}`]);
});
