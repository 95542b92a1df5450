import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, rm, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { conflict, errorText, failedPrecondition, isGantryError } from './errors';
import { checkSocketPath } from './short-socket';

/**
 * Makes a unix socket visible at `path` only when it listens and has its mode. `listen` binds at a name inside a fresh 0700 directory
 * beside it; the socket then gets its mode and is linked to its place, so there is no moment with looser rights and no need of umask,
 * which would act on every thread. A dead socket in the way is removed; a live one is a conflict.
 */
export async function publishSocket(path: string, mode: number, listen: (hidden: string) => Promise<void>): Promise<void> {
  checkSocketPath(path);
  await removeStaleSocket(path);
  const nursery = join(dirname(path), `.${randomBytes(3).toString('hex')}`);
  const hidden = checkSocketPath(join(nursery, 's'));
  await mkdir(nursery, { mode: 0o700 });
  try {
    await listen(hidden);
    await chmod(hidden, mode);
    await link(hidden, path);
  } catch (error) {
    if (isGantryError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw conflict(`another process listens on ${path}`, { cause: error });
    throw failedPrecondition(`cannot listen on ${path}: ${errorText(error)}`, { cause: error });
  } finally {
    await rm(nursery, { recursive: true, force: true });
  }
}

/** Takes a socket's name away when the server is done; a missing one is fine. */
export async function retractSocket(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw failedPrecondition(`${path} exists and is not a socket`);
  if (await answers(path)) throw conflict(`another process listens on ${path}`);
  const again = await lstat(path).catch(() => undefined);
  if (again?.ino === found.ino) await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else if (error.code === 'EAGAIN')
        resolve(true); // its backlog is full: somebody is there
      else reject(error);
    });
  });
}
