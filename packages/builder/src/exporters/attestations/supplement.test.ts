import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { newContext } from '@gantry/rpc';
import { pack } from 'tar-stream';
import { MemoryStore } from '../../testing/memory-store';
import { FileLayers } from './file-layers';
import { supplemented } from './supplement';

const ctx = newContext();
const SPDX = 'https://spdx.dev/Document';
const types = { gzip: 'application/vnd.oci.image.layer.v1.tar+gzip', zstd: 'application/vnd.oci.image.layer.v1.tar+zstd' } as const;

async function layer(store: MemoryStore, kind: keyof typeof types, names: readonly string[]) {
  const out = pack();
  for (const name of names)
    if (name.endsWith('/')) out.entry({ name, type: 'directory' });
    else out.entry({ name }, 'x');
  out.finalize();
  const tar = await buffer(out);
  const blob = { mediaType: types[kind], ...store.put(kind === 'gzip' ? gzipSync(tar) : zstdCompressSync(tar)) };
  return { diffId: '', blob: blob as never };
}

async function commentsOf(files: readonly object[], type = SPDX, more: object = { spdxVersion: 'SPDX-2.3' }) {
  const store = new MemoryStore();
  const layers = [
    await layer(store, 'gzip', ['etc/', 'etc/low', './etc/both']),
    await layer(store, 'zstd', ['etc/', 'etc/both', 'etc/.wh.low']),
  ];
  const digests = layers.map(({ blob }: { blob: { digest: string } }) => blob.digest);
  const predicate = Buffer.from(JSON.stringify({ ...more, files, size: 1 }).replace('"size":1', '"size":12345678901234567890'));
  const attestation = { predicateType: type, subjects: [], path: 'sbom.json', core: 'sbom', predicate };
  const made = await supplemented(ctx, attestation, new FileLayers(store.services, layers));
  return { text: made.predicate.toString(), same: made === attestation, digests };
}

test('each file of a list is told with the topmost layer that has it; one that was hidden with the layer that it came with', async () => {
  const files = [
    { fileName: '/etc/both' },
    { fileName: 'etc/low' },
    { fileName: '/etc' },
    { fileName: '/none' },
    { fileName: '/etc/both', comment: 'own' },
    { comment: 'no name' },
  ];
  const { text, digests } = await commentsOf(files, SPDX, {
    spdxVersion: 'SPDX-2.3',
    creationInfo: { creators: ['Tool: x'], created: 'then' },
  });
  const { files: made, creationInfo } = JSON.parse(text) as { files: { comment?: string }[]; creationInfo: unknown };
  const [low = '', top = ''] = digests.map((digest) => `layerID: ${digest}`);
  expect(made.map(({ comment }) => comment)).toEqual([top, low, top, undefined, 'own', 'no name']);
  expect(creationInfo).toEqual({ creators: ['Tool: x', 'Tool: gantry-build'], created: 'then' });
  expect(text).toContain('"size":12345678901234567890');
});

test('what is no list of files stays as it is, byte for byte', async () => {
  expect((await commentsOf([{ fileName: '/etc/both' }], 'https://slsa.dev/provenance/v1')).same).toBe(true);
  expect((await commentsOf([{ fileName: '/etc/both' }], SPDX, {})).same).toBe(true);
});
