import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, crc32, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { isGantryError } from '@gantry/rpc';
import { tarHeader, TAR_END, tarPadding } from '../archive/tar-writer';
import { nativeBinary } from '../testing/engine';
import { type Laid, NativeTree } from './native';

/** Damaged streams that are tried; many more with GANTRY_TEST_ALL=1. */
const DAMAGED = process.env['GANTRY_TEST_ALL'] ? 6000 : 120;

let dir: string;
let tree: NativeTree;
let serial = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gzip-'));
  tree = new NativeTree(process.env['GANTRY_NATIVE_TESTED'] ?? nativeBinary(), { maxBytes: 1 << 30, maxEntries: 1000 }, dir);
});
afterEach(() => rmSync(dir, { recursive: true }));

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const tarWith = (content: Buffer): Buffer =>
  Buffer.concat([tarHeader('file', content.length), content, tarPadding(content.length), TAR_END]);

/** Lays a packed tar out; what the program says, and the file. */
async function unpack(packed: Buffer): Promise<{ laid: Laid; content: Buffer }> {
  const root = join(dir, String(serial++));
  mkdirSync(root);
  const path = `${root}.gz`;
  writeFileSync(path, packed);
  const file = openSync(path, 'r');
  try {
    const following = tree.follow(root, true, file, true);
    following.advance(packed.length);
    following.end();
    const laid = await following.done;
    return { laid, content: readFileSync(join(root, 'file')) };
  } finally {
    closeSync(file);
    rmSync(root, { recursive: true });
    rmSync(path);
  }
}

async function verdict(packed: Buffer): Promise<string> {
  try {
    return (await unpack(packed)).laid.digest ?? 'no digest';
  } catch (error) {
    if (!isGantryError(error)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}

const words = Array.from({ length: 200 }, () => randomBytes(1 + Math.floor(Math.random() * 8)).toString('hex'));
const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  zeros: Buffer.alloc(3_000_000),
  noise: randomBytes(1_500_000),
  text: Buffer.from(Array.from({ length: 400_000 }, () => words[Math.floor(words.length * Math.random() ** 3)]).join(' ')),
  'far matches': Buffer.concat(
    Array.from({ length: 20 }, (_, at) => Buffer.concat([Buffer.alloc(32_000, at), randomBytes(700)])).flatMap((part) => [part, part]),
  ),
  // Codes of every length up to 15: each byte half as often as the one before.
  skewed: Buffer.from(Array.from({ length: 600_000 }, () => Math.min(255, Math.floor(-Math.log2(Math.random()) * 9)))),
};
const forms: Record<string, object> = {
  'level 1': { level: 1 },
  'level 6': { level: 6 },
  'level 9': { level: 9 },
  stored: { level: 0 },
  'fixed codes': { strategy: constants.Z_FIXED },
  'only codes': { strategy: constants.Z_HUFFMAN_ONLY },
  runs: { strategy: constants.Z_RLE },
  'small window': { windowBits: 9 },
  'small blocks': { memLevel: 1 },
};

test.each(Object.entries(forms))('gzip, %s: every content comes out as it was', async (_, options) => {
  for (const [name, content] of Object.entries(contents)) {
    const tar = tarWith(content);
    const { laid, content: got } = await unpack(gzipSync(tar, options));
    expect([name, laid.digest, got.equals(content)]).toEqual([name, digestOf(tar), true]);
  }
});

test('two thousand members of all settings in one stream', async () => {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(list.length * Math.random())] as T;
  const strategies = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FILTERED];
  const parts = Array.from({ length: 2000 }, () => {
    const content = pick(Object.values(contents));
    const from = Math.floor(content.length * Math.random());
    return content.subarray(from, from + Math.floor(6000 * Math.random() ** 2));
  });
  const body = Buffer.concat(parts);
  const rest = Buffer.concat([tarPadding(body.length), TAR_END]);
  const packed = [tarHeader('file', body.length), ...parts, rest].map((part) =>
    gzipSync(part, {
      level: pick([0, 1, 3, 6, 9]),
      windowBits: pick([9, 11, 13, 15]),
      memLevel: pick([1, 4, 8, 9]),
      strategy: pick(strategies),
    }),
  );
  expect((await unpack(Buffer.concat(packed))).laid.digest).toBe(digestOf(tarWith(body)));
});

test('members after each other, zeros behind them, and every field of a header', async () => {
  const tar = tarWith(contents['text'] ?? Buffer.alloc(0));
  const halves = [tar.subarray(0, 70_001), tar.subarray(70_001)];
  expect(await verdict(Buffer.concat([...halves.map((half) => gzipSync(half)), gzipSync(''), Buffer.alloc(777)]))).toBe(digestOf(tar));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(tar), 0);
  trailer.writeUInt32LE(tar.length, 4);
  const head = (flags: number): Buffer => Buffer.from([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 2, 3]);
  const raw = deflateRawSync(tar);
  const fields = [Buffer.from([3, 0, 0x1f, 0x8b, 0]), Buffer.from('name\0'), Buffer.from('comment\0'), Buffer.from([0, 0])];
  expect(await verdict(Buffer.concat([head(4 | 8 | 16 | 2), ...fields, raw, trailer]))).toBe(digestOf(tar));
  expect(await verdict(Buffer.concat([head(0), raw, trailer, Buffer.from('more')]))).toMatch(/^dataLoss: .*incorrect header check/);
  expect(await verdict(Buffer.concat([head(0x20), raw, trailer]))).toMatch(/^dataLoss: .*incorrect header check/);
  const wrong = Buffer.from(trailer);
  wrong.writeUInt32LE((crc32(tar) ^ 1) >>> 0, 0);
  expect(await verdict(Buffer.concat([head(0), raw, wrong]))).toMatch(/^dataLoss: .*incorrect data check/);
  trailer.writeUInt32LE(tar.length + 1, 4);
  expect(await verdict(Buffer.concat([head(0), raw, trailer]))).toMatch(/^dataLoss: .*incorrect length check/);
});

test('a stream that is cut anywhere is refused', async () => {
  const packed = gzipSync(tarWith((contents['text'] ?? Buffer.alloc(0)).subarray(0, 20_000)));
  for (let at = 1; at <= 16; at++) {
    for (const length of [packed.length - at, Math.floor((packed.length * at) / 17)])
      expect([length, await verdict(packed.subarray(0, length))]).toEqual([
        length,
        expect.stringMatching(/^dataLoss: .*(too early|broken|is empty)/),
      ]);
  }
});

test('a file that grows is read as far as it has come', async () => {
  const tar = tarWith(contents['text'] ?? Buffer.alloc(0));
  const packed = gzipSync(tar);
  const root = join(dir, 'growing');
  mkdirSync(root);
  const out = openSync(join(dir, 'growing.gz'), 'w');
  const file = openSync(join(dir, 'growing.gz'), 'r');
  const following = tree.follow(root, true, file, true);
  for (let at = 0; at < packed.length;) {
    at += writeSync(out, packed, at, Math.min(1 + Math.floor(Math.random() * 90_000), packed.length - at));
    following.advance(at);
    await new Promise((resolve) => setImmediate(resolve));
  }
  following.end();
  expect((await following.done).digest).toBe(digestOf(tar));
  closeSync(out);
  closeSync(file);
});

test('damaged streams: what is taken is what zlib takes', async () => {
  const originals = [1, 6, 9].map((level) => gzipSync(tarWith((contents['text'] ?? Buffer.alloc(0)).subarray(0, 6000)), { level }));
  originals.push(
    gzipSync(tarWith((contents['skewed'] ?? Buffer.alloc(0)).subarray(0, 9000))),
    gzipSync(tarWith(randomBytes(500)), { strategy: constants.Z_FIXED }),
  );
  const counts = { taken: 0, refused: 0 };
  for (let round = 0; round < DAMAGED; round++) {
    const damaged = Buffer.from(originals[round % originals.length] ?? Buffer.alloc(0));
    // Half of them in the first bytes, where the codes are described; the checksum would tell most of the others.
    const reach = round % 2 === 0 ? 200 : damaged.length;
    for (let hits = 1 + (round % 3); hits > 0; hits--) damaged[Math.floor(Math.random() * reach)] = Math.floor(Math.random() * 256);
    let expected: string | undefined;
    try {
      expected = digestOf(gunzipSync(damaged));
    } catch {
      // refused
    }
    const got = await verdict(damaged);
    const packed = damaged.toString('base64');
    if (got.startsWith('sha256:')) expect({ packed, got }).toEqual({ packed, got: expected });
    // The tar itself is whole where nothing but fields of the header were hit.
    else if (expected !== undefined)
      expect({ packed, got }).toEqual({ packed, got: expect.stringMatching(/^(dataLoss|invalidArgument|resourceExhausted)/) });
    counts[got.startsWith('sha256:') ? 'taken' : 'refused']++;
  }
  process.stderr.write(`damaged gzip streams: ${counts.taken} taken, ${counts.refused} refused\n`);
  expect(counts.refused).toBeGreaterThan(DAMAGED / 4);
});
