import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants as zlib, createGunzip, gunzipSync } from 'node:zlib';
import { O } from '@gantry/linux';
import { parseLine } from './json-file';

/** One file of a log, held open: whatever the rotation renames or takes away meanwhile, this stays the same file. */
export interface LogFile {
  /** Its lines; those of a compressed file are written out on the first call. */
  contents(): Promise<FileHandle>;
  /** What the file is known by, also after it was compressed: the time of its first line, which no other has. Empty while it has none. */
  name(): Promise<string>;
  /** Device and inode. While the file is open nothing else has them. */
  readonly identity: string;
  close(): Promise<void>;
}

/** Times that the chain is opened again when it was rotated meanwhile; a log that is rotated more often is read as far as it can be held. */
const TRIES = 20;

/**
 * Opens all files of a log, oldest first: `x.2`, `x.1`, `x`. Empty when there is none. The newest is opened first: a rotation in between only
 * shows a file twice; after two of them the order would be wrong, so the chain counts only while `x` is still what was opened first.
 */
export async function openChain(path: string): Promise<LogFile[]> {
  for (let attempt = 1; ; attempt++) {
    const found = await openAll(path);
    const [newest] = found;
    if (newest === undefined || attempt === TRIES || (await identityOf(path)) === newest.identity) return found.reverse();
    await closeAll(found);
  }
}

export async function closeAll(files: Iterable<LogFile>): Promise<void> {
  for (const file of files) await file.close();
}

/** What a path names now; empty when it names nothing. */
export async function identityOf(path: string): Promise<string> {
  return stat(path).then(identity, () => '');
}

const identity = ({ dev, ino }: { dev: number; ino: number }): string => `${dev}:${ino}`;

/** Newest first. */
async function openAll(path: string): Promise<LogFile[]> {
  const found: LogFile[] = [];
  const add = async (name: string): Promise<boolean> => {
    const handle = await open(name, 'r').catch(() => undefined);
    if (handle === undefined) return false;
    const file = { ...(name.endsWith(PACKED) ? packed(handle, dirname(path)) : plain(handle)), identity: identity(await handle.stat()) };
    if (found.some((other) => other.identity === file.identity)) await file.close();
    else found.push(file);
    return true;
  };
  await add(path);
  for (const number of await rotations(path)) {
    // The packed one is whole before the plain one goes: with the plain one there it is the same once more.
    if (!(await add(`${path}.${number}`))) await add(`${path}.${number}${PACKED}`);
  }
  return found;
}

const PACKED = '.gz';

function plain(handle: FileHandle): Omit<LogFile, 'identity'> {
  return {
    contents: () => Promise.resolve(handle),
    name: () => nameOf((size) => beginning(handle, size)),
    close: () => handle.close(),
  };
}

function packed(handle: FileHandle, folder: string): Omit<LogFile, 'identity'> {
  let unpacked: Promise<FileHandle> | undefined;
  return {
    contents: () => (unpacked ??= unpack(handle, folder)),
    name: () => nameOf(async (size) => gunzipSync(await beginning(handle, size), { finishFlush: zlib.Z_SYNC_FLUSH })),
    async close() {
      await handle.close();
      await (await unpacked?.catch(() => undefined))?.close();
    },
  };
}

async function beginning(handle: FileHandle, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, 0);
  return buffer.subarray(0, bytesRead);
}

/** The longest first line is one of 16 KiB whose bytes are all escaped. */
const FIRST_LINES = [4096, 1024 * 1024];

async function nameOf(read: (size: number) => Promise<Buffer>): Promise<string> {
  for (const size of FIRST_LINES) {
    const bytes = await read(size);
    const end = bytes.indexOf(0x0a);
    if (end >= 0) return parseLine(bytes.subarray(0, end))?.time ?? '';
  }
  return '';
}

/** Into a file without a name: it is gone with its handle. */
async function unpack(handle: FileHandle, folder: string): Promise<FileHandle> {
  const into = await open(folder, constants.O_RDWR | O.TMPFILE, 0o600);
  try {
    await pipeline(handle.createReadStream({ start: 0, autoClose: false }), createGunzip(), async (bytes: AsyncIterable<Buffer>) => {
      for await (const part of bytes) await into.write(part);
    });
    return into;
  } catch (error) {
    await into.close();
    throw error;
  }
}

async function rotations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  const numbers = names.flatMap((name) =>
    name.startsWith(prefix) ? (/^([0-9]+)(?:\.gz)?$/.exec(name.slice(prefix.length))?.[1] ?? []) : [],
  );
  return [...new Set(numbers.map(Number))].sort((a, b) => a - b);
}
