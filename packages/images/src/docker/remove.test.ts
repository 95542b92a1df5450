import { danglingName } from '@gantry/oci';
import { Database } from '../store/database';
import { LeaseTable } from '../store/leases';
import type { Catalog } from './catalog';
import { removeImage } from './remove';

const digestOf = (of: string): string => `sha256:${of.repeat(64)}`;
const made = digestOf('a');
const between = digestOf('b');

/** Two images, one made from the other: what no name leads to and nothing holds is collected whenever somebody waits. */
function store() {
  const db = new Database(':memory:');
  const leases = new LeaseTable(db);
  const names = new Map([
    ['docker.io/library/made:latest', made],
    [danglingName(between), between],
  ]);
  const readable = new Set([made, between]);
  const collect = (): void => {
    const holds = new Set(
      leases.list({ namespace: 'n' }, () => true).flatMap(({ id }) => leases.resources({ namespace: 'n' }, id).map((each) => each.id)),
    );
    for (const digest of [...readable]) if (![...names.values()].includes(digest) && !holds.has(digest)) readable.delete(digest);
  };
  const image = (digest: string) => ({ manifestDigest: digest, configDigest: digest });
  const list = () => [...names].map(([name, digest]) => ({ name, target: { digest, mediaType: '', size: 1 }, labels: {} }));
  const entry = (digest: string) => ({
    id: digest,
    image: image(digest),
    records: list().filter(({ target }) => target.digest === digest),
  });
  const parentOf = (digest: string): string => (digest === made && readable.has(made) ? between : '');
  const catalog = {
    images: { list, delete: (_scope: unknown, name: string) => names.delete(name) },
    content: { hold: (scope: Parameters<LeaseTable['hold']>[0], id: string) => leases.hold(scope, { type: 'content', id }) },
    reader: { tryLoad: () => Promise.resolve({}) },
    findRecord: (_scope: unknown, ref: string) => list().find(({ name }) => name.includes(ref)),
    resolve: () => Promise.resolve(entry(made)),
    entries: () => {
      collect();
      return Promise.resolve(new Map([...new Set(names.values())].map((digest) => [digest, entry(digest)])));
    },
    parentIdOf: (_scope: unknown, { configDigest }: { configDigest: string }) => Promise.resolve(parentOf(configDigest)),
    parentIds: (_scope: unknown, entries: ReadonlyMap<string, unknown>) => new Map([...entries.keys()].map((id) => [id, parentOf(id)])),
  } as unknown as Catalog;
  return { db, leases, catalog, readable };
}

test('what is removed is held until its end: the nameless image that it was made from goes, too', async () => {
  const { db, leases, catalog, readable } = store();
  const deps = { catalog, leases, collector: { run: () => Promise.resolve() } as never };
  const removed = await removeImage(deps, { namespace: 'n' }, { ref: 'made', force: false, prune: true, uses: [] });
  expect(removed.map(({ untagged, deleted }) => untagged || deleted)).toEqual(['made:latest', made, between]);
  expect(readable).toContain(made);
  expect(leases.list({ namespace: 'n' }, () => true)).toEqual([]);
  db.close();
});
