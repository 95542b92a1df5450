import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@gantry/oci';
import { BlobWriter } from './writer';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'writer-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('pieces of every size land in order, and a listener hears how far the file has come', async () => {
  const path = join(dir, 'blob');
  const pieces = [1, 511, 65536, 3 << 20, 7, 1 << 20, 100_000].map((size) => randomBytes(size));
  const writer = await BlobWriter.open(path);
  const heard: number[] = [];
  writer.onWritten = (bytes) => heard.push(bytes);
  for (const piece of pieces) await writer.write(piece);
  await writer.drain();
  const whole = Buffer.concat(pieces);
  expect(readFileSync(path).equals(whole)).toBe(true);
  expect([writer.offset, writer.digest()]).toEqual([whole.length, sha256(whole)]);
  expect(heard.at(-1)).toBe(whole.length);
  expect(heard).toEqual([...heard].sort((a, b) => a - b));
  await writer.close();
});

test('thousands of small pieces are few writes', async () => {
  const writer = await BlobWriter.open(join(dir, 'blob'));
  let writes = 0;
  writer.onWritten = () => writes++;
  for (let at = 0; at < 5000; at++) await writer.write(Buffer.alloc(1000, at));
  await writer.close();
  expect(writes).toBeLessThan(12);
  expect(readFileSync(join(dir, 'blob')).length).toBe(5_000_000);
});

test('what is given is freed once it is written, and what is lent is left alone', async () => {
  const writer = await BlobWriter.open(join(dir, 'blob'));
  const own = (): Buffer => Buffer.allocUnsafeSlow(1 << 20).fill(randomBytes(1));
  const [given, kept] = [own(), own()];
  const part = own();
  const whole = Buffer.concat([given, kept, part.subarray(1)]);
  await writer.write(given, { given: true });
  await writer.write(kept);
  await writer.write(part.subarray(1), { given: true });
  await writer.close();
  expect([given.length, kept.length, part.length]).toEqual([0, 1 << 20, 1 << 20]);
  expect(readFileSync(join(dir, 'blob')).equals(whole)).toBe(true);
  expect(writer.digest()).toBe(sha256(whole));
});

test('an upload goes on where its file ends, and can begin anew', async () => {
  const path = join(dir, 'blob');
  const first = await BlobWriter.open(path);
  await first.write(Buffer.from('one '));
  await first.close();
  const second = await BlobWriter.open(path);
  expect(second.offset).toBe(4);
  await second.write(Buffer.from('two'));
  await second.drain();
  expect(second.digest()).toBe(sha256(Buffer.from('one two')));
  await second.truncate(0);
  await second.write(Buffer.from('three'));
  await second.close();
  expect(readFileSync(path, 'utf8')).toBe('three');
});

test('a full disk is thrown to the writer, not lost', async () => {
  const writer = await BlobWriter.open('/dev/full');
  await expect(
    (async () => {
      await writer.write(Buffer.alloc(2 << 20));
      await writer.drain();
    })(),
  ).rejects.toMatchObject({ code: 'ENOSPC' });
  await writer.close();
});
