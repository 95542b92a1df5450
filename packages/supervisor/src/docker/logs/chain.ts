import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** One file of a log, held open: whatever the rotation renames or takes away meanwhile, this stays the same file. */
export interface LogFile {
  readonly handle: FileHandle;
  /** Device and inode. While the file is open nothing else has them. */
  readonly identity: string;
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
  for (const { handle } of files) await handle.close();
}

/** What a path names now; empty when it names nothing. */
export async function identityOf(path: string): Promise<string> {
  return stat(path).then(identity, () => '');
}

const identity = ({ dev, ino }: { dev: number; ino: number }): string => `${dev}:${ino}`;

/** Newest first. */
async function openAll(path: string): Promise<LogFile[]> {
  const found: LogFile[] = [];
  const add = async (name: string): Promise<void> => {
    const handle = await open(name, 'r').catch(() => undefined);
    if (handle === undefined) return;
    const file = { handle, identity: identity(await handle.stat()) };
    if (found.some((other) => other.identity === file.identity)) await handle.close();
    else found.push(file);
  };
  await add(path);
  for (const number of await rotations(path)) await add(`${path}.${number}`);
  return found;
}

async function rotations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .flatMap((name) => (name.startsWith(prefix) && /^[0-9]+$/.test(name.slice(prefix.length)) ? [Number(name.slice(prefix.length))] : []))
    .sort((a, b) => a - b);
}
