import { credentials } from '@grpc/grpc-js';
import { TestEtcd, whatOverlaysLack } from '../testing/etcd';
import { eventually, TestHost } from '../testing/host';
import { EtcdStore } from './etcd';
import type { News } from './shared-store';

const lacking = whatOverlaysLack();
if (lacking !== undefined) process.stderr.write(`skipped: the store of networks of several engines, for lack of ${lacking}\n`);

(lacking === undefined ? describe : describe.skip)('etcd as a shared store', () => {
  let host: TestHost;
  let etcd: TestEtcd;
  let store: EtcdStore;

  beforeEach(async () => {
    host = new TestHost();
    etcd = new TestEtcd(host, '127.0.0.1');
    await etcd.start();
    store = new EtcdStore('127.0.0.1:2379', credentials.createInsecure());
  });
  afterEach(async () => {
    store.close();
    await host.close();
  });

  const keys = async (prefix: string): Promise<string[]> => (await store.list(prefix)).entries.map(({ key }) => key);

  it('makes all changes or none, by what is there', async () => {
    const put = { put: '/t/a/1', value: 'one', leased: false };
    expect(await store.commit([{ key: '/t/a/1', is: 'absent' }], [put])).toBe(true);
    expect(await store.commit([{ key: '/t/a/1', is: 'absent' }], [{ put: '/t/a/2', value: 'two', leased: false }])).toBe(false);
    expect(await store.commit([{ key: '/t/a/2', is: 'there' }], [put])).toBe(false);
    expect(await keys('/t/')).toEqual(['/t/a/1']);
    expect(await store.commit([{ prefix: '/t/a/', is: 'empty' }], [put])).toBe(false);
    expect(await store.commit([{ prefix: '/t/b/', is: 'empty' }], [{ drop: '/t/a/1' }])).toBe(true);
    expect(await keys('/t/')).toEqual([]);
  });

  it('lets one of two that saw the same go on', async () => {
    const change = (value: string) => ({ put: '/t/guard', value, leased: false });
    expect(await store.commit([{ key: '/t/guard', revision: 0n }], [change('first')])).toBe(true);
    expect(await store.commit([{ key: '/t/guard', revision: 0n }], [change('also first')])).toBe(false);
    const [seen] = (await store.list('/t/guard')).entries;
    const both = await Promise.all(
      ['x', 'y'].map((value) => store.commit([{ key: '/t/guard', revision: seen?.revision ?? 0n }], [change(value)])),
    );
    expect(both.sort()).toEqual([false, true]);
  });

  it('tells of everything behind a revision, in order, and stops when nobody listens', async () => {
    await store.commit([], [{ put: '/t/old', value: '', leased: false }]);
    const { revision } = await store.list('/t/');
    await store.commit([], [{ put: '/t/new', value: '1', leased: false }]);
    const told: News[] = [];
    const over = new AbortController();
    const watched = store.watch('/t/', revision, { tell: (news) => void told.push(...news), signal: over.signal });
    await store.commit([], [{ put: '/tother', value: '', leased: false }, { drop: '/t/old' }]);
    await eventually(() => expect(told).toEqual([{ key: '/t/new', value: '1' }, { key: '/t/old' }]));
    over.abort();
    await watched;
  });

  it('forgets what was put under a lease that ended, and says that it did', async () => {
    const lease = await store.grant(600);
    await store.commit(
      [],
      [
        { put: '/t/leased', value: '', leased: true },
        { put: '/t/kept', value: '', leased: false },
      ],
      lease,
    );
    expect(await store.keep(lease)).toBe(true);
    await store.revoke(lease);
    expect(await keys('/t/')).toEqual(['/t/kept']);
    expect(await store.keep(lease)).toBe(false);
    await expect(store.commit([], [{ put: '/t/x', value: '', leased: true }], lease)).rejects.toThrow('lease not found');
  });

  it('fails in time when nobody answers, and its watch with it', async () => {
    const watched = store.watch('/t/', 0n, { tell: () => undefined, signal: new AbortController().signal });
    const broken = expect(watched).rejects.toThrow();
    await store.list('/t/');
    await etcd.kill();
    await broken;
    await expect(store.list('/t/')).rejects.toMatchObject({ details: expect.any(String) });
  });
});
