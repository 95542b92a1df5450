import { alreadyExists, cancelled, derive, newContext, notFound, unavailable } from '@gantry/rpc';
import { Snapshots, type StoreServices } from './snapshots';

/** A snapshotter with names alone, whose process dies at the end of the calls that `deaths` counts. */
function store(deaths: number) {
  const names = new Set<string>();
  let left = deaths;
  const end = <T>(answer: T): T => {
    if (left-- > 0) throw unavailable('the service died');
    return answer;
  };
  const make = ({ key }: { readonly key: string }) => {
    if (names.has(key)) throw alreadyExists(`snapshot ${key}`);
    names.add(key);
    return end({ mounts: [] });
  };
  const known = (key: string): void => {
    if (!names.has(key)) throw notFound(`snapshot ${key}`);
  };
  const answered =
    <Q, A>(act: (request: Q) => A) =>
    async (_ctx: unknown, request: Q): Promise<A> => {
      await Promise.resolve();
      return act(request);
    };
  const snapshots = {
    prepare: answered(make),
    view: answered(make),
    mounts: answered(({ key }: { readonly key: string }) => (known(key), { mounts: [] })),
    stat: answered(({ key }: { readonly key: string }) => (known(key), {})),
    commit: answered(({ key, name }: { readonly key: string; readonly name: string }) => {
      known(key);
      names.delete(key);
      names.add(name);
      return end({});
    }),
    remove: answered(({ key }: { readonly key: string }) => {
      known(key);
      names.delete(key);
      return end({});
    }),
  };
  const services = { snapshots, snapshotter: 'overlayfs', inStore: (ctx: unknown) => ctx } as unknown as StoreServices;
  return { names, made: new Snapshots(services) };
}

const ctx = newContext();

test('what was made, committed or taken away when the service died is known to be', async () => {
  const { names, made } = store(1);
  expect(await made.prepare(ctx, 'work', '')).toEqual([]);
  expect([...names]).toEqual(['work']);
  const dying = store(1);
  dying.names.add('work');
  await dying.made.commit(ctx, 'work', 'tree');
  expect([...dying.names]).toEqual(['tree']);
  const removed = store(1);
  removed.names.add('work');
  await removed.made.remove(ctx, 'work');
  expect(removed.names.size).toBe(0);
});

test('a name that others gave is an error, and theirs stays', async () => {
  const { names, made } = store(0);
  names.add('work');
  await expect(made.prepare(ctx, 'work', '')).rejects.toMatchObject({ kind: 'alreadyExists' });
  await expect(made.commit(ctx, 'none', 'tree')).rejects.toMatchObject({ kind: 'notFound' });
  expect([...names]).toEqual(['work']);
});

test('who goes away while a tree is made or shown leaves none', async () => {
  const { names, made } = store(0);
  for (const begin of [(by: typeof ctx) => made.prepare(by, 'work', ''), (by: typeof ctx) => made.view(by, '')]) {
    const leaving = new AbortController();
    const making = begin(derive(ctx, { signal: leaving.signal }));
    leaving.abort(cancelled('gone'));
    await expect(making).rejects.toMatchObject({ kind: 'cancelled' });
  }
  expect(names.size).toBe(0);
});
