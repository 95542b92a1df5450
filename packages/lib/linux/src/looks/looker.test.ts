import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { Looker } from './looker';
import type { Found } from './operations';

let dir: string;
let looker: Looker<typeof operations>;

/** The same functions, here and in the other process. */
const source = `
import { answerLooks } from '${join(__dirname, 'answer')}';
import { notFound } from '@gantry/rpc/errors';
import { openSync } from 'node:fs';
answerLooks({
  double: (n) => ({ value: n * 2 }),
  whoseProcess: () => ({ value: process.pid }),
  open: (path) => ({ value: path, fd: openSync(path, 'r') }),
  fail: (path) => { throw notFound('nothing is at ' + path); },
  hang: () => { for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1e6); },
});
`;
const operations = {
  double: (n: number): Found<number> => ({ value: n * 2 }),
  whoseProcess: (): Found<number> => ({ value: process.pid }),
  open: (path: string): Found<string> => ({ value: path, fd: openSync(path, 'r') }),
  fail: (path: string): Found<never> => {
    throw new Error(path);
  },
  hang: (): Found<never> => {
    throw new Error('here it would hang');
  },
};
const foreign = (): boolean => true;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'looks-'));
  const outfile = join(dir, 'looks.cjs');
  buildSync({
    stdin: { contents: source, resolveDir: __dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    external: ['koffi'],
  });
});
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  looker = new Looker(operations, join(dir, 'looks.cjs'), { ms: 1000, foreign });
});
afterEach(() => looker.stop());

test('a look is made in another process, which is used again', async () => {
  expect(await looker.look('double', [21], { path: '/x' })).toEqual({ value: 42 });
  const { value: pid } = await looker.look('whoseProcess', [], { path: '/x' });
  expect(pid).not.toBe(process.pid);
  expect(await looker.look('whoseProcess', [], { path: '/x' })).toEqual({ value: pid });
});

test('where nothing can hang it is made here', async () => {
  const here = new Looker(operations, join(dir, 'looks.cjs'), { foreign: () => false });
  expect(await here.look('whoseProcess', [], { path: '/x' })).toEqual({ value: process.pid });
});

test('a descriptor comes over, and the other process keeps none', async () => {
  const file = join(dir, 'file');
  writeFileSync(file, 'five!');
  const { value, fd = -1 } = await looker.look('open', [file], { path: file });
  expect([value, fstatSync(fd).size]).toEqual([file, 5]);
  closeSync(fd);
});

test('an error keeps its kind and code', async () => {
  await expect(looker.look('fail', ['/y'], { path: '/y' })).rejects.toMatchObject({ kind: 'notFound', message: 'nothing is at /y' });
  await expect(looker.look('open', [join(dir, 'none')], { path: '/y' })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('one that hangs is given up by name, its process killed, and others go on', async () => {
  const hung = looker.look('hang', [], { path: '/dead', failure: 'lstat /dead' });
  hung.catch(() => undefined);
  const [double] = await Promise.all([
    looker.look('double', [1], { path: '/x' }),
    expect(hung).rejects.toMatchObject({
      kind: 'deadlineExceeded',
      message: 'lstat /dead: its file system does not answer within 1 seconds',
    }),
  ]);
  expect(double).toEqual({ value: 2 });
  expect(await looker.look('double', [2], { path: '/x' })).toEqual({ value: 4 });
});

test('more looks than processes take turns, and wait no longer than their deadline', async () => {
  const hung = Array.from({ length: 8 }, () => looker.look('hang', [], { path: '/dead' }).catch(() => 'given up'));
  const short = looker.look('double', [1], { path: '/x', ms: 200 });
  await expect(short).rejects.toMatchObject({ kind: 'deadlineExceeded' });
  const patient = looker.look('double', [1], { path: '/x', ms: 5000 });
  expect(await Promise.all(hung)).toEqual(Array.from({ length: 8 }, () => 'given up'));
  expect(await patient).toEqual({ value: 2 });
});
