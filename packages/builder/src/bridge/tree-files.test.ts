import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newContext } from '@gantry/rpc';
import type { Ref } from '../refs/ref';
import { TreeFiles } from './tree-files';

let folder: string;
let looks: string[];
let files: TreeFiles;
const ctx = newContext();
const ref = (id: string): Ref => ({ id }) as Ref;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tree-files-'));
  looks = [];
  files = new TreeFiles({
    withTree: (_ctx, tree, use) => {
      looks.push(tree?.id ?? '');
      return use(folder);
    },
  });
});
afterEach(() => rm(folder, { recursive: true }));

test('a small file of a tree is read once, and looked for once where there is none; parts of it are their own', async () => {
  await writeFile(join(folder, 'f'), 'text');
  for (let round = 0; round < 2; round++) {
    const bytes = await files.read(ctx, { ref: ref('a'), path: 'f' });
    expect(bytes.toString()).toBe('text');
    bytes.fill(0); // its reader's own
    await expect(files.read(ctx, { ref: ref('a'), path: 'none' })).rejects.toMatchObject({ kind: 'notFound' });
    expect((await files.read(ctx, { ref: ref('a'), path: 'f', range: { offset: 1, length: 2 } })).toString()).toBe('ex');
  }
  expect(looks).toEqual(['a', 'a', 'a']);
  await files.read(ctx, { ref: ref('b'), path: 'f' });
  expect(looks).toEqual(['a', 'a', 'a', 'b']);
});

test('other failures, large files and scratch are looked at each time', async () => {
  await writeFile(join(folder, 'large'), Buffer.alloc((64 << 10) + 1));
  for (let round = 0; round < 2; round++) {
    await expect(files.read(ctx, { ref: ref('a'), path: '.' })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await files.read(ctx, { ref: ref('a'), path: 'large' });
    await files.read(ctx, { ref: undefined, path: 'large' });
  }
  expect(looks).toHaveLength(6);
});

test('there is room for so many: the oldest go first', async () => {
  await writeFile(join(folder, 'f'), Buffer.alloc(64 << 10));
  for (let at = 0; at < 70; at++) {
    await files.read(ctx, { ref: ref(`${at}`), path: 'f' });
    await files.read(ctx, { ref: ref('kept'), path: 'f' });
  }
  looks.length = 0;
  await files.read(ctx, { ref: ref('kept'), path: 'f' });
  await files.read(ctx, { ref: ref('69'), path: 'f' });
  expect(looks).toEqual([]);
  await files.read(ctx, { ref: ref('0'), path: 'f' });
  expect(looks).toEqual(['0']);
});
