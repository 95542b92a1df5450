import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wallMicros } from '@gantry/api';
import { type Info, Kind } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import { mounted, type Subject } from './tools';

const micros = (at: Timestamp | undefined): number => Number(at?.seconds ?? 0n) * 1e6 + (at?.nanos ?? 0) / 1000;

/** c1 ← c2 ← a1 and v1; a2 and v2 lie on nothing. */
const family = [
  { name: 'c1', kind: Kind.COMMITTED, parent: '' },
  { name: 'c2', kind: Kind.COMMITTED, parent: 'c1' },
  { name: 'a1', kind: Kind.ACTIVE, parent: 'c2' },
  { name: 'a2', kind: Kind.ACTIVE, parent: '' },
  { name: 'v1', kind: Kind.VIEW, parent: 'c2' },
  { name: 'v2', kind: Kind.VIEW, parent: '' },
];

async function makeFamily(on: Subject): Promise<void> {
  await on.prepare('c1-key');
  await on.commit('c1-key', 'c1');
  await on.prepare('c2-key', 'c1');
  await on.commit('c2-key', 'c2');
  await on.prepare('a1', 'c2');
  await on.prepare('a2');
  await on.look('v1', 'c2');
  await on.look('v2');
}
const dropFamily = (on: Subject): Promise<void> => on.remove('a1', 'a2', 'v1', 'v2', 'c2', 'c1');

/** containerd's garbage collector leaves what has it. */
const ROOT = 'containerd.io/gc.root';
const write = (text: string) => (root: string) => {
  writeFileSync(join(root, 'foo'), text);
};

/** What a snapshotter remembers and says of its snapshots. */
export function recordCases(on: Subject): void {
  test('an active snapshot is active, under its key, on nothing', async () => {
    await mounted(await on.prepare('new'), async (root) => {
      write('foo')(root);
      expect(await on.stat('new')).toMatchObject({ name: 'new', parent: '', kind: Kind.ACTIVE });
    });
    await on.remove('new');
  });

  test('a committed one is committed, under its name, and its key is gone, also while it is mounted', async () => {
    await mounted(await on.prepare('base-key'), async (root) => {
      write('foo')(root);
      await on.commit('base-key', 'base');
      expect(await on.stat('base')).toMatchObject({ name: 'base', parent: '', kind: Kind.COMMITTED });
    });
    expect(await on.stat('base')).toMatchObject({ name: 'base', parent: '', kind: Kind.COMMITTED });
    await expect(on.stat('base-key')).rejects.toMatchObject({ kind: 'notFound' });
    await on.remove('base');
  });

  test('the parent of the parent is found by asking twice', async () => {
    await on.layer('a', '', write('foo'));
    await on.layer('b', 'a', write('foo bar'));
    const { parent } = await on.stat('b');
    expect([parent, (await on.stat(parent)).parent]).toEqual(['a', '']);
    await on.remove('b', 'a');
  });

  test('a key is one snapshot: neither prepare nor view takes it twice', async () => {
    await on.layer('base', '');
    await on.prepare('active', 'base');
    await on.look('view', 'base');
    for (const key of ['active', 'view']) {
      await expect(on.prepare(key, 'base')).rejects.toMatchObject({ kind: 'alreadyExists' });
      await expect(on.look(key, 'base')).rejects.toMatchObject({ kind: 'alreadyExists' });
    }
    await on.remove('view', 'active', 'base');
  });

  test('times are those of the making and of the last change; only labels can be changed', async () => {
    const before = wallMicros();
    await makeFamily(on);
    const after = wallMicros();
    for (const { name, kind, parent } of family) {
      const made = await on.stat(name);
      expect(made).toMatchObject({ name, kind, parent });
      expect(micros(made.createdAt)).toBeGreaterThanOrEqual(before);
      expect(micros(made.createdAt)).toBeLessThanOrEqual(after);
      expect(made.updatedAt).toEqual(made.createdAt);

      const start = wallMicros();
      const changed = await on.update(name, { l1: 'v1', l2: 'v2', l3: 'v3', [ROOT]: 'kept' }, undefined, 'nobody');
      expect(changed).toMatchObject({ name, kind, parent, createdAt: made.createdAt });
      expect(changed.labels).toEqual({ l1: 'v1', l2: 'v2', l3: 'v3', [ROOT]: 'kept' });
      expect(micros(changed.updatedAt)).toBeGreaterThanOrEqual(start);
      expect(micros(changed.updatedAt)).toBeLessThanOrEqual(wallMicros());
      const some = await on.update(name, { l1: 'new', l4: 'v4' }, ['labels.l1', 'labels.l2']);
      expect(some.labels).toEqual({ l1: 'new', l3: 'v3', [ROOT]: 'kept' });
      expect((await on.update(name, { l4: 'v4', [ROOT]: 'kept' }, ['labels'])).labels).toEqual({ l4: 'v4', [ROOT]: 'kept' });
      await expect(on.update(name, {}, ['parent'], 'nobody')).rejects.toMatchObject({ kind: 'invalidArgument' });
    }
    await dropFamily(on);
  });

  test('a removed key and a removed name can be used again, for any kind', async () => {
    await on.layer('name', '');
    await on.prepare('again', 'name');
    await on.remove('again');
    await on.look('again', 'name');
    await on.remove('again');
    await on.prepare('again');
    await on.remove('name');
    await on.commit('again', 'name');
    await on.remove('name');
  });

  test('what others lie on is not removed, from the top down everything is', async () => {
    await on.layer('base', '');
    await on.layer('middle', 'base');
    await on.prepare('top', 'middle');
    for (const key of ['middle', 'base']) await expect(on.remove(key)).rejects.toMatchObject({ kind: 'failedPrecondition' });
    await on.remove('top', 'middle', 'base');
    expect(await on.names()).toEqual([]);
  });

  test('a walk finds by kind, name, parent and label, and by one of several filters', async () => {
    const walk = { [ROOT]: 'walk' };
    await on.prepare('a-np', '', walk);
    await on.prepare('p-key');
    await on.commit('p-key', 'p', walk);
    await on.prepare('a', 'p', walk);
    await on.look('v', 'p', walk);
    await on.prepare('pl-key');
    await on.commit('pl-key', 'pl', { ...walk, l: '1' });
    await on.prepare('al', 'pl', { ...walk, l: '2' });
    await on.look('vl', 'pl', { ...walk, l: '3' });
    await on.prepare('al-np', '', { ...walk, l: '2' });
    const cases: [string[], string[]][] = [
      [[`labels."${ROOT}"==walk`], ['a', 'a-np', 'al', 'al-np', 'p', 'pl', 'v', 'vl']],
      [[`kind==active,labels."${ROOT}"==walk`], ['a', 'a-np', 'al', 'al-np']],
      [[`kind==view,labels."${ROOT}"==walk`], ['v', 'vl']],
      [[`kind==committed,labels."${ROOT}"==walk`], ['p', 'pl']],
      [
        ['name==p', 'name==al-np'],
        ['al-np', 'p'],
      ],
      [['name==al,labels.l'], ['al']],
      [['parent==p'], ['a', 'v']],
      [[`parent!="",labels."${ROOT}"==walk`], ['a', 'al', 'v', 'vl']],
      [['labels.l'], ['al', 'al-np', 'pl', 'vl']],
      [['labels.l==2'], ['al', 'al-np']],
    ];
    for (const [filters, names] of cases) expect(await on.names(...filters)).toEqual(names);
    await on.remove('a', 'v', 'al', 'vl', 'a-np', 'al-np', 'p', 'pl');
  });

  test('what a walk tells is what stat tells, also while it walks', async () => {
    await makeFamily(on);
    const told: Info[] = [];
    for await (const { info } of on.snapshots.list(on.context, { snapshotter: on.name, filters: [] }))
      for (const each of info) {
        expect(await on.stat(each.name)).toEqual(each);
        told.push(each);
      }
    expect(told).toHaveLength(family.length);
    await dropFamily(on);
  });
}
