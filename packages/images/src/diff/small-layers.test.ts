import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { AT, S, syscalls } from '@gantry/linux';
import { TreeProgram } from '@gantry/native';
import { NativeTree } from '../layers/native';
import { nativeBinary } from '../testing/engine';
import { SmallLayers } from './small-layers';

let root: string;
const program = new TreeProgram(nativeBinary());
const small = new SmallLayers(program);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'small-'));
  chmodSync(root, 0o755); // a layer's root is named where it is not as every root
});
afterEach(() => rmSync(root, { recursive: true }));
afterAll(() => program.close());

const setOpaque = (directory: string): void => syscalls.lsetxattr(directory, 'trusted.overlay.opaque', Buffer.from('y'));

/** Names of entries, without those of pax records. */
function namesIn(archive: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < archive.length && archive[at] !== 0;) {
    const text = (from: number, length: number): string => archive.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    if (!['x', 'g'].includes(text(156, 1))) names.push(text(0, 100));
    at += 512 * (1 + Math.ceil(parseInt(text(124, 12), 8) / 512));
  }
  return names;
}

async function streamed(directory: string, lower: readonly string[] = []): Promise<Buffer> {
  const native = new NativeTree(nativeBinary(), { maxBytes: 1, maxEntries: 1 }, root);
  const packing = native.pack(directory, { overlay: true, layer: true, lower });
  const parts: Buffer[] = [];
  for await (const part of packing.output) parts.push(part as Buffer);
  await packing.done;
  return Buffer.concat(parts);
}

test('a small layer is the archive that a process of its own makes of it, whiteouts and all', async () => {
  expect(await small.archive(root)).toEqual(Buffer.alloc(1024));
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/file'), 'content');
  symlinkSync('/nowhere', join(root, 'd/link'));
  syscalls.mknodat(AT.FDCWD, join(root, 'gone'), S.IFCHR, { major: 0, minor: 0 });
  const archive = await small.archive(root);
  expect(archive).toEqual(await streamed(root));
  expect(archive?.includes('.wh.gone')).toBe(true);
});

test('what it lies on shows already is left out, and of a folder that was made anew what it had is taken away', async () => {
  const [upper, middle, bottom] = ['upper', 'middle', 'bottom'].map((name) => join(root, name)) as [string, string, string];
  const put = (layer: string, path: string, content = path): void => {
    mkdirSync(join(layer, path, '..'), { recursive: true });
    writeFileSync(join(layer, path), content);
    utimesSync(join(layer, path), 5, 5);
  };
  for (const layer of [upper, middle, bottom]) for (const name of ['etc', 'd']) mkdirSync(join(layer, name), { recursive: true });
  for (const path of ['etc/hosts', 'same', 'd/old', 'd/kept', 'e/below', 'f', 'hidden/x']) put(bottom, path);
  syscalls.mknodat(AT.FDCWD, join(middle, 'hidden'), S.IFCHR, { major: 0, minor: 0 });
  put(middle, 'e/middle');
  put(upper, 'same'); // copied up, and as it was
  put(upper, 'changed', 'new');
  put(upper, 'd/kept');
  put(upper, 'd/new');
  setOpaque(join(upper, 'd'));
  mkdirSync(join(upper, 'hidden'));
  setOpaque(join(upper, 'hidden'));
  mkdirSync(join(upper, 'e'));
  syscalls.mknodat(AT.FDCWD, join(upper, 'e/middle'), S.IFCHR, { major: 0, minor: 0 });
  put(upper, 'f/now a folder');
  const archive = (await small.archive(upper, [middle, bottom])) ?? Buffer.alloc(0);
  expect(namesIn(archive)).toEqual(['changed', 'd/', 'd/.wh.old', 'd/new', 'e/', 'e/.wh.middle', 'f/', 'f/now a folder', 'hidden/']);
  expect(archive).toEqual(await streamed(upper, [middle, bottom]));
});

test('a layer that is not small is left to a process of its own', async () => {
  const write = (size: number): void => {
    writeFileSync(join(root, 'file'), Buffer.alloc(size));
    utimesSync(join(root, 'file'), 1, 1);
  };
  write((1 << 20) - 1536);
  expect((await small.archive(root))?.length).toBe(1 << 20);
  write((1 << 20) - 1535);
  expect(await small.archive(root)).toBeUndefined();
  await expect(small.archive(join(root, 'absent'))).rejects.toMatchObject({ message: expect.stringContaining('absent') as string });
});

test.each([100, 100_000])('packed, %i bytes are what a stream makes of them', async (length) => {
  const bytes = Buffer.alloc(length, 'some text ');
  const stream = createGzip({ level: 6 });
  stream.end(bytes);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  expect(await small.packed(bytes, 'gzip')).toEqual(Buffer.concat(parts));
  expect(gunzipSync(await small.packed(bytes, 'gzip'))).toEqual(bytes);
  expect(zstdDecompressSync(await small.packed(bytes, 'zstd'))).toEqual(bytes);
  expect(await small.packed(bytes, 'none')).toEqual(bytes);
});
