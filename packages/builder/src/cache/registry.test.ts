import { type Descriptor, mediaTypes, sha256 } from '@gantry/oci';
import type { FetchedManifest, Registries } from '@gantry/registry';
import { newContext, notFound } from '@gantry/rpc';
import { makeCacheImports } from './import-caches';
import { registryCacheExporter, registryOrigin } from './registry';
import { machine, silent } from './testing/rig';

const ctx = newContext();
const two = { name: 'two', inputs: [{ name: 'one', inputs: [{ name: 'docker-image://base' }] }] };

/** A registry in memory, asked as the client library asks. */
function registry() {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, FetchedManifest>();
  const schemes: unknown[] = [];
  const repository = {
    hasBlob: (digest: string) => Promise.resolve(blobs.has(digest)),
    async upload({ digest, body }: { digest: string; body: (offset: number) => AsyncIterable<Buffer> }) {
      const parts: Buffer[] = [];
      for await (const part of body(0)) parts.push(part);
      blobs.set(digest, Buffer.concat(parts));
      return 'uploaded';
    },
    putManifest: (tag: string, bytes: Buffer, mediaType: string) => {
      manifests.set(tag, { bytes, mediaType, digest: sha256(bytes) });
      return Promise.resolve();
    },
    manifest: (reference: string) => Promise.resolve(manifests.get(reference)),
    async *blob(digest: string, _size: number, offset: number) {
      yield blobs.get(digest)?.subarray(offset) ?? Buffer.alloc(0);
    },
  };
  const forPush = (_reference: unknown, { scheme }: { scheme?: string }) => {
    schemes.push(scheme);
    return Promise.resolve(repository);
  };
  const find = ({ tag = '' }: { tag?: string }) => {
    const manifest = manifests.get(tag);
    return manifest === undefined ? Promise.reject(notFound(tag)) : Promise.resolve({ repository, manifest });
  };
  return { blobs, manifests, schemes, registries: { forPush, find } as unknown as Registries };
}

test('a registry carries a cache under its tag, without TLS where that is said', async () => {
  const there = registry();
  const first = machine();
  const given = new Map(Object.entries({ ref: 'host:5000/cache:main', mode: 'max', 'registry.insecure': 'true' }));
  const job = { sessions: { ids: [], any: () => Promise.reject(notFound('nobody')) } } as never;
  await first.build(two, [], (result) =>
    registryCacheExporter(first.writing, there.registries).open(given).export(ctx, { result, job, progress: silent }),
  );
  expect(there.schemes).toEqual(['http']);
  const manifest = JSON.parse(there.manifests.get('main')?.bytes.toString() ?? '{}') as { mediaType: string; layers: Descriptor[] };
  expect([manifest.mediaType, manifest.layers.length]).toEqual([mediaTypes.ociManifest, 3]);
  const second = machine();
  const origins = new Map([['registry', registryOrigin(second.writing.services, there.registries)]]);
  const imported = await second.importing((job) =>
    makeCacheImports({ ...second.brings, origins })(ctx, job, [
      { type: 'registry', attributes: new Map([['ref', 'host:5000/cache:main']]) },
    ]),
  );
  expect(await second.build(two, imported, () => Promise.resolve())).toMatchObject({ ran: [], tree: 'docker-image://base|one|two' });
  expect(() => registryCacheExporter(first.writing, there.registries).open(new Map())).toThrow('registry cache requires ref');
});
