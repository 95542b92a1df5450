import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { padding, paxRecord, writeSum } from '@gantry/oci/tar';

const BLOCK = 512;
/** Bytes that eleven octal digits can tell; what is longer is told in a pax record. */
const OCTAL_LIMIT = 8 ** 11;

/** Writes the files below a folder to a tar, which is under its name only when it is whole. There are regular files and folders in it, and no others. */
export async function packFolder(folder: string, location: string, signal: AbortSignal): Promise<void> {
  const draft = `${location}.${randomBytes(4).toString('hex')}`;
  const out = await open(draft, 'wx', 0o600);
  try {
    await packInto(out, folder, '', signal);
    await out.writeFile(Buffer.alloc(2 * BLOCK));
    await out.close();
    await rename(draft, location);
  } catch (error) {
    await out.close().catch(() => undefined); // the first error is the one to tell
    await rm(draft, { force: true });
    throw error;
  }
}

async function packInto(out: FileHandle, folder: string, prefix: string, signal: AbortSignal): Promise<void> {
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    signal.throwIfAborted();
    const path = join(folder, entry.name);
    const { size, mode, mtimeMs } = await lstat(path);
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory()) {
      await out.writeFile(headerOf({ name: `${name}/`, type: '5', size: 0, mode, mtimeMs }));
      await packInto(out, path, `${name}/`, signal);
    } else if (entry.isFile()) {
      await out.writeFile(headerOf({ name, type: '0', size, mode, mtimeMs }));
      if (size > 0) await out.writeFile(createReadStream(path, { end: size - 1, signal }));
      await out.writeFile(Buffer.alloc(padding(size)));
    }
  }
}

interface Entry {
  readonly name: string;
  readonly type: '0' | '5' | 'x';
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
}

/** Names here are criu's and ours, and short. */
export function headerOf(entry: Entry): Buffer {
  if (Buffer.byteLength(entry.name) > 100) throw new RangeError(`name "${entry.name}" is too long for a checkpoint's archive`);
  const long = entry.size >= OCTAL_LIMIT;
  const header = plain({ ...entry, size: long ? 0 : entry.size });
  if (!long) return header;
  const record = paxRecord('size', Buffer.from(String(entry.size)));
  const extended = plain({ ...entry, name: 'PaxHeaders.0', type: 'x', size: record.length });
  return Buffer.concat([extended, record, Buffer.alloc(padding(record.length)), header]);
}

function plain({ name, type, size, mode, mtimeMs }: Entry): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, room: number): unknown =>
    header.write(`${value.toString(8).padStart(room - 1, '0')}\0`, at, 'latin1');
  header.write(name, 0);
  octal(mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(mtimeMs / 1000), 136, 12);
  header.write(type, 156, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  return writeSum(header);
}
