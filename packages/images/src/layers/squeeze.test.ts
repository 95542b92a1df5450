import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { gzipLevel, squeeze, type WrittenBlob } from '@gantry/native';
import { nativeBinary } from '../testing/engine';
import { NativeTree } from './native';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'squeeze-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const program = process.env['GANTRY_NATIVE_TESTED'] ?? nativeBinary();
const sha = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Made extends WrittenBlob {
  readonly bytes: Buffer;
}

/** By a pipe in pieces, or by a descriptor. */
async function packed(content: Buffer, options: { level: number; skip?: number; piece?: number }): Promise<Made> {
  const path = join(dir, 'content');
  const file = options.piece === undefined ? (writeFileSync(path, content), openSync(path, 'r')) : undefined;
  const outcome = join(dir, 'outcome');
  const to = openSync(outcome, 'w');
  const { input, done } = squeeze(program, { ...options, to, ...(file === undefined ? {} : { from: file }) });
  for (const given of [file, to]) if (given !== undefined) closeSync(given);
  for (let at = 0; at < content.length && options.piece !== undefined; at += options.piece)
    input?.write(content.subarray(at, at + options.piece));
  input?.end();
  const made = await done;
  return { ...made, bytes: readFileSync(outcome) };
}

const noise = randomBytes(2_500_000);
const text = Buffer.from(Array.from({ length: 300_000 }, (_, n) => `line ${(n * 7919) % 4001} of some text`).join('\n'));
/** Noise that comes again within a window's reach: no byte is rarer than another, and yet it packs to next to nothing. */
const echo = Buffer.concat(Array.from({ length: 100 }, () => noise.subarray(0, 20_000)));
const contents: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  byte: Buffer.from('x'),
  noise,
  text,
  echo,
  zeros: Buffer.alloc(5 << 20),
};

test.each(Object.entries(contents))('%s comes out as it went in, at every level, with the digests of both', async (_, content) => {
  for (const level of [0, 1, 6, 9]) {
    const { bytes, digest, size, diffId } = await packed(content, { level });
    expect(gunzipSync(bytes).equals(content)).toBe(true);
    expect([digest, size, diffId]).toEqual([sha(bytes), bytes.length, sha(content)]);
  }
});

test('the same bytes whatever the pieces and the processors', async () => {
  const content = Buffer.concat([text, noise, text]);
  const first = await packed(content, { level: 6 });
  for (const piece of [777_777, 65_536]) expect((await packed(content, { level: 6, piece })).digest).toBe(first.digest);
  const path = join(dir, 'alone');
  writeFileSync(path, content);
  const out = execFileSync('taskset', ['-c', '0', 'sh', '-c', `'${program}' squeeze --level 6 <'${path}' 3>/dev/null`]);
  expect((JSON.parse(out.toString()) as WrittenBlob).digest).toBe(first.digest);
});

/** Neither the processor nor the release of Debian may change a digest that SOURCE_DATE_EPOCH promises: libdeflate 1.14 and 1.23 agree, and so must the next. */
test('made-up content has the digests that it had in every release', async () => {
  let state = 1;
  const made = Buffer.alloc(3_000_000);
  for (let at = 0; at < made.length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    made[at] = at % 3 === 0 || at > 2_500_000 ? state >>> 24 : (state >>> 30) + 64;
  }
  expect([(await packed(made, { level: 3 })).digest, (await packed(made, { level: 6 })).digest]).toEqual([
    'sha256:43048cf3e0f186afc488aa6fd9bcc3bc9885eb6026e417356f0ecd479c7b1436',
    'sha256:da70c727382d329051cbbb3a96528e8f0091ac9336ea52c9e19dfade8a7e033c',
  ]);
});

test('noise is stored, and what comes again is not taken for noise', async () => {
  expect((await packed(noise, { level: 6 })).size).toBeLessThan(noise.length * 1.0003);
  expect((await packed(echo, { level: 6 })).size).toBeLessThan(echo.length / 20);
  expect((await packed(text, { level: 6 })).size).toBeLessThan(gzipSync(text, { level: 6 }).length * 1.02);
});

test('without its beginning, for an upload that is taken up again', async () => {
  const whole = await packed(text, { level: 3 });
  for (const skip of [1, 100_000, whole.size]) {
    const rest = await packed(text, { level: 3, skip });
    expect([rest.digest, rest.size, rest.bytes.equals(whole.bytes.subarray(skip))]).toEqual([whole.digest, whole.size, true]);
  }
});

test('a level that gzip has not is refused; none is six', async () => {
  await expect(packed(text, { level: 10 })).rejects.toMatchObject({ kind: 'invalidArgument' });
  expect([gzipLevel(undefined), gzipLevel(-1), gzipLevel(0), gzipLevel(9)]).toEqual([6, 6, 0, 9]);
});

test('a tree is packed into a file, plain and compressed: the plain one is what the other unpacks to', async () => {
  const root = join(dir, 'root');
  mkdirSync(join(root, 'd'), { recursive: true });
  writeFileSync(join(root, 'd/text'), text);
  writeFileSync(join(root, 'noise'), noise);
  const tree = new NativeTree(program, { maxBytes: 1 << 30, maxEntries: 1000 }, dir);
  const into = async (level: number | undefined): Promise<Made> => {
    const path = join(dir, 'blob');
    const file = openSync(path, 'w');
    const { done } = tree.packLayer({ root }, level, file);
    closeSync(file);
    return { ...(await done), bytes: readFileSync(path) };
  };
  const plain = await into(undefined);
  const gzip = await into(6);
  expect([plain.digest, plain.size]).toEqual([sha(plain.bytes), plain.bytes.length]);
  expect([gzip.digest, gzip.diffId]).toEqual([sha(gzip.bytes), plain.digest]);
  expect(gunzipSync(gzip.bytes).equals(plain.bytes)).toBe(true);
});

test('a full disk is told', async () => {
  const root = join(dir, 'root');
  mkdirSync(root);
  writeFileSync(join(root, 'noise'), noise);
  const tree = new NativeTree(program, { maxBytes: 1 << 30, maxEntries: 1000 }, dir);
  const file = openSync('/dev/full', 'w');
  const { done } = tree.packLayer({ root }, 6, file);
  closeSync(file);
  await expect(done).rejects.toMatchObject({ kind: 'internal', message: expect.stringContaining('No space left') as string });
});
