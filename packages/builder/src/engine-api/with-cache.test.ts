import { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { formatReference, parentLabel, parseReference } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import { MemoryStore } from '../testing/memory-store';
import { withCache } from './with-cache';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
let store: MemoryStore;
beforeEach(() => (store = new MemoryStore()));

/** An image of this name that was made from another. */
function image(name: string, parent = ''): string {
  const config = store.put(Buffer.from(JSON.stringify({ name })), parent === '' ? {} : { [parentLabel]: parent });
  const { digest, size } = store.put(Buffer.from(JSON.stringify({ config })));
  const full = formatReference(parseReference(`${name}:latest`));
  const target = { mediaType: MANIFEST, digest, size: BigInt(size), annotations: {} };
  store.images.set(full, { name: full, labels: {}, target, createdAt: undefined, updatedAt: undefined });
  return digest;
}
const asked = (...cacheFrom: string[]) => withCache(store.services, newContext(), BuildImageRequest.fromPartial({ cacheFrom }));

test('images that are named come in their order, each with those that it was made from', async () => {
  const base = image('base');
  const one = image('one', base);
  const two = image('two', one);
  expect(await asked('two', 'nowhere', 'one')).toMatchObject({
    request: { cacheFrom: [], noCache: false },
    sources: {
      chains: [
        [two, one, base],
        [one, base],
      ],
      whole: true,
    },
  });
  expect((await asked('two', 'base')).sources?.whole).toBe(false);
});

test('a parent that is gone ends the line', async () => {
  const gone = `sha256:${'0'.repeat(64)}`;
  const one = image('one', gone);
  expect((await asked('one')).sources?.chains).toEqual([[one, gone]]);
});

test('where none is there nothing counts, and where none is named all does', async () => {
  expect((await asked('nowhere')).request.noCache).toBe(true);
  expect(await asked()).toMatchObject({ request: { noCache: false }, sources: undefined });
});
