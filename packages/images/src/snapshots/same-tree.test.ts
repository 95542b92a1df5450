import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kind } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { startEngine, type TestEngine } from '../testing/engine';
import { SAME_TREE } from './same-tree';
import { Subject } from './testing/tools';

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const TARGET = 'containerd.io/snapshot.ref';
const write = (name: string) => (root: string) => writeFileSync(join(root, name), name);
const read = (name: string) => (root: string) => readFileSync(join(root, name), 'utf8');
const usage = async (on: Subject, key: string) => on.snapshots.usage(on.context, { snapshotter: on.name, key });
const directories = (): string[] => readdirSync(join(engine.data, 'snapshots')).sort();
const settle = (on: Subject) => on.snapshots.cleanup(on.context, { snapshotter: on.name });

test('a snapshot can be one that shows the tree of another: on its own parent, and for as long as it is there itself', async () => {
  const on = new Subject(() => engine, 'overlayfs');
  await on.layer('below', '', write('one'));
  await on.layer('below-too', '', write('two'));
  await on.layer('source', 'below', write('three'));
  const before = directories();
  const labels = { [TARGET]: 'chain', [SAME_TREE]: 'source', kept: 'yes' };
  await expect(on.prepare('work', 'below-too', labels)).rejects.toMatchObject({ kind: 'alreadyExists' });
  expect(await on.stat('chain')).toMatchObject({ kind: Kind.COMMITTED, parent: 'below-too', labels: { [TARGET]: 'chain', kept: 'yes' } });
  expect(await usage(on, 'chain')).toEqual(await usage(on, 'source'));
  expect([await on.names(), directories()]).toEqual([['below', 'below-too', 'chain', 'source'], before]);
  expect(await on.view('chain', (root) => readdirSync(root).sort())).toEqual(['three', 'two']);
  await on.layer('child', 'chain', write('four'));
  await on.remove('source');
  await settle(on);
  expect(await on.view('child', read('three'))).toBe('three');
  await on.remove('child', 'chain', 'below', 'below-too');
  await settle(on);
  expect(directories()).toEqual([]);
});

test('one whose other snapshot is removed first, and one that goes first itself, leave no tree and take none away', async () => {
  const on = new Subject(() => engine, 'overlayfs');
  await on.layer('source', '', write('one'));
  for (const name of ['first', 'second'])
    await expect(on.prepare('work', '', { [TARGET]: name, [SAME_TREE]: name === 'first' ? 'source' : 'first' })).rejects.toMatchObject({
      kind: 'alreadyExists',
    });
  await on.remove('first');
  await settle(on);
  expect([await on.view('source', read('one')), await on.view('second', read('one'))]).toEqual(['one', 'one']);
  await on.remove('source', 'second');
  await settle(on);
  expect(directories()).toEqual([]);
});

test('where the other is not there, or the snapshotter copies, it is prepared as any', async () => {
  for (const name of ['overlayfs', 'native']) {
    const on = new Subject(() => engine, name);
    await on.prepare('source');
    expect(await on.prepare('work', '', { [TARGET]: 'chain', [SAME_TREE]: name === 'native' ? 'source' : 'none' })).toHaveLength(1);
    expect(await on.prepare('more', '', { [TARGET]: 'chain', [SAME_TREE]: 'source' })).toHaveLength(1);
    await on.remove('work', 'more', 'source');
  }
});

test('no tree is shown twice in one stack, which overlayfs mounts not', async () => {
  const on = new Subject(() => engine, 'overlayfs');
  await on.layer('one', '', write('one'));
  await on.layer('two', 'one');
  const labels = (name: string) => ({ [TARGET]: name, [SAME_TREE]: 'two' });
  await on.prepare('work', 'two', labels('three'));
  await on.commit('work', 'three', labels('three'));
  expect(await on.view('three', read('one'))).toBe('one');
  await on.remove('three', 'two', 'one');
});
