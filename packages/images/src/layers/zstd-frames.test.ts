import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { constants, zstdCompressSync } from 'node:zlib';
import { decompressor } from './decompress';

const skippable = (data: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a53, 0);
  header.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, data]);
};
const checked = (data: Buffer): Buffer => zstdCompressSync(data, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const unsized = (data: Buffer): Buffer => zstdCompressSync(data, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });

async function plain(data: Buffer, step: number): Promise<Buffer> {
  const pieces = function* () {
    for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
  };
  const out: Buffer[] = [];
  const feed = Readable.from(pieces(), { objectMode: false });
  for await (const part of feed.pipe(decompressor('zstd'))) out.push(part as Buffer);
  return Buffer.concat(out);
}
const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

const noise = randomBytes(700_000);
const text = Buffer.from('text '.repeat(2_000_000));
test.each([
  ['one frame', [zstdCompressSync(text)], text],
  ['two frames', [zstdCompressSync(text), checked(noise)], Buffer.concat([text, noise])],
  ['frames of unknown size', [unsized(noise), unsized(text)], Buffer.concat([noise, text])],
  [
    'as zstd:chunked: a frame a file, skippable ones between and at the end',
    [
      skippable(Buffer.from('first')),
      ...Array.from({ length: 500 }, (_, at) => checked(Buffer.from(`file ${at}`))),
      skippable(randomBytes(3000)),
    ],
    Buffer.from(Array.from({ length: 500 }, (_, at) => `file ${at}`).join('')),
  ],
  ['empty frames', [zstdCompressSync(Buffer.alloc(0)), zstdCompressSync(Buffer.from('x')), unsized(Buffer.alloc(0))], Buffer.from('x')],
  ['a large frame of few blocks', [zstdCompressSync(Buffer.alloc(20_000_000))], Buffer.alloc(20_000_000)],
])('%s', async (_what, frames, wanted) => {
  const data = Buffer.concat(frames);
  for (const step of data.length > 100_000 ? [65_537, 1 << 30] : [1, 7, 1 << 30]) expect(hash(await plain(data, step))).toBe(hash(wanted));
});

test.each([
  ['cut', (data: Buffer) => data.subarray(0, data.length - 5)],
  ['with something behind it', (data: Buffer) => Buffer.concat([data, Buffer.from('more')])],
  [
    'with a byte flipped under its checksum',
    (data: Buffer) => {
      const bad = Buffer.from(data);
      bad[100] = (bad[100] ?? 0) ^ 1;
      return bad;
    },
  ],
])('a stream that is broken (%s) is an error', async (_what, damage) => {
  const failure: unknown = await plain(damage(checked(noise)), 10_000).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ kind: 'dataLoss' });
});
