import { parentLabel } from '@gantry/oci';
import type { ContentStore } from '../content/store';
import { Database } from '../store/database';
import { ImageTable } from '../store/images';
import { Catalog } from './catalog';
import type { ImageReader } from './image-reader';
import { removeImage } from './remove';

const scope = { namespace: 'n' };
const digestOf = (number: number): string => `sha256:${String(number).padStart(64, '0')}`;
/** Of an image's configuration. */
const configOf = (digest: string): string => digest.replace(/^sha256:0/, 'sha256:c');

/** Images of which each was made from the one before it; `parent`: how that is noted. */
function chainOf(count: number, parent: (digest: string) => string) {
  const db = new Database(':memory:');
  const images = new ImageTable(db);
  for (let i = 0; i < count; i++)
    images.create(scope, `docker.io/library/i:${i}`, { mediaType: 'm', digest: digestOf(i), size: 1, annotations: {} }, {});
  const notes = new Map(Array.from({ length: count }, (_, i) => [configOf(digestOf(i)), i === 0 ? '' : parent(digestOf(i - 1))]));
  const content = {
    hold: () => undefined,
    table: { find: (_scope: unknown, config: string) => ({ labels: { [parentLabel]: notes.get(config) ?? '' } }) },
  } as unknown as ContentStore;
  const reader = {
    tryLoad: (_scope: unknown, { digest }: { digest: string }) => Promise.resolve({ configDigest: configOf(digest), chainIds: [] }),
  } as unknown as ImageReader;
  return { db, images, catalog: new Catalog(images, content, reader) };
}

test.each<[string, (digest: string) => string]>([
  ['its id', (digest) => digest],
  ['its configuration, as older stores did', configOf],
])('what each image was made from, noted by %s, is known by one look at all', async (_, parent) => {
  const { db, images, catalog } = chainOf(50, parent);
  const list = jest.spyOn(images, 'list');
  const parents = catalog.parentIds(scope, await catalog.entries(scope));
  expect([...parents]).toEqual(Array.from({ length: 50 }, (__, i) => [digestOf(i), i === 0 ? '' : digestOf(i - 1)]).sort(byName));
  expect(list).toHaveBeenCalledTimes(1);
  const entry = (await catalog.entries(scope)).get(digestOf(7));
  expect(entry && (await catalog.parentIdOf(scope, entry.image))).toBe(digestOf(6));
  db.close();
});

test('an image that others were made from is not taken away by its id, and finding that looks at the others a few times', async () => {
  const { db, images, catalog } = chainOf(50, (digest) => digest);
  const list = jest.spyOn(images, 'list');
  const leases = { create: () => undefined, delete: () => undefined, hold: () => undefined };
  const deps = { catalog, leases, collector: {} } as unknown as Parameters<typeof removeImage>[0];
  await expect(removeImage(deps, scope, { ref: digestOf(3), force: false, prune: true, uses: [] })).rejects.toMatchObject({
    message: expect.stringContaining('image has dependent child images') as string,
  });
  expect(list.mock.calls.length).toBeLessThan(10);
  db.close();
});

/** Entries come in the order of their names, as the table has them. */
function byName([a = '']: string[], [b = '']: string[]): number {
  const [x, y] = [Number(a.slice(7)), Number(b.slice(7))].map(String) as [string, string];
  return x < y ? -1 : x > y ? 1 : 0;
}
