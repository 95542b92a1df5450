import { notFound } from '@gantry/rpc';
import type { ContentInfo } from '../content/records';
import { Documents } from './documents';

const digest = `sha256:${'a'.repeat(64)}`;
const manifest = { schemaVersion: 2, config: { mediaType: 'c', digest, size: 1 }, layers: [] };

function stored(text: string) {
  const reads: string[] = [];
  const info = ({ namespace }: { namespace: string }, name: string): ContentInfo => {
    if (namespace !== 'owner') throw notFound(`content ${name}`);
    return { digest: name, size: text.length, labels: {}, created: 0, updated: 0 } as unknown as ContentInfo;
  };
  const documents = new Documents({
    info,
    readAll: async (scope, name) => {
      info(scope, name);
      reads.push(name);
      return Buffer.from(text);
    },
  });
  return { documents, reads };
}

const owner = { namespace: 'owner', lease: '' };
const other = { namespace: 'other', lease: '' };

test('a document is read once, and shown to nobody who does not have its content', async () => {
  const { documents, reads } = stored(JSON.stringify(manifest));
  const first = await documents.manifest(owner, digest);
  expect(first.value).toEqual(manifest);
  expect((await documents.manifest(owner, digest)).value).toBe(first.value);
  await expect(documents.manifest(other, digest)).rejects.toMatchObject({ kind: 'notFound' });
  expect(reads).toEqual([digest]);
});

test('what cannot be parsed is not kept, and one digest may be asked for as two kinds', async () => {
  const { documents, reads } = stored(JSON.stringify({ ...manifest, rootfs: { diff_ids: [] } }));
  expect((await documents.config(owner, digest)).value.rootfs.diff_ids).toEqual([]);
  expect((await documents.manifest(owner, digest)).value.layers).toEqual([]);
  const broken = stored('{');
  for (let i = 0; i < 2; i++) await expect(broken.documents.index(owner, digest)).rejects.toMatchObject({ kind: 'dataLoss' });
  expect([reads.length, broken.reads.length]).toEqual([2, 2]);
});
