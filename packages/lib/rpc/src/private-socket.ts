import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, readdir, rm, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { conflict, errorText, failedPrecondition, isGantryError } from './errors';
import { isKept, takeHeldSocket } from './held-sockets';
import { checkSocketPath } from './short-socket';
import { pause } from './timer';

/** Where a server begins to listen: at a name, or on a socket that listens already. As net.Server.listen takes it. */
export type ListenPlace = { readonly path: string } | { readonly fd: number };

/** Begins to listen; `file` is the socket's name at that moment, for its owner to be set. */
export type Listen = (place: ListenPlace, file: string) => Promise<void>;

/**
 * Makes a unix socket visible at `path` only when it listens and has its mode. `listen` binds at a name inside a fresh 0700 directory
 * beside it; the socket then gets its mode and is linked to its place, so there is no moment with looser rights and no need of umask,
 * which would act on every thread. A dead socket in the way is removed; a live one is a conflict. A socket that this process was handed
 * (adoptSockets) is served instead: whoever called before waits in it.
 */
export async function publishSocket(path: string, mode: number, listen: Listen): Promise<void> {
  checkSocketPath(path);
  const held = takeHeldSocket(path);
  if (held !== undefined) return serveHeld(path, mode, () => listen({ fd: held }, path));
  await removeStaleSocket(path);
  void sweepOnce(dirname(path));
  const nursery = join(dirname(path), `.${randomBytes(3).toString('hex')}`);
  const hidden = checkSocketPath(join(nursery, 's'));
  await mkdir(nursery, { mode: 0o700 });
  try {
    await listen({ path: hidden }, hidden);
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

/** Directories that this process has looked through. */
const swept = new Set<string>();
/** A socket that is refused for so long was bound by a process that died before it listened or took it away, milliseconds. */
const DEAD_MS = 200;

/** Takes away what processes left that died between binding and linking. Never what somebody else is just making: that listens a moment later. */
async function sweepOnce(directory: string): Promise<void> {
  if (swept.has(directory)) return;
  swept.add(directory);
  const names = await readdir(directory).catch(() => []);
  await Promise.all(names.filter((name) => /^\.[0-9a-f]{6}$/.test(name)).map((name) => removeDead(join(directory, name))));
}

async function removeDead(nursery: string): Promise<void> {
  const refused = async (): Promise<number | undefined> => {
    const found = await lstat(join(nursery, 's')).catch(() => undefined);
    return found?.isSocket() === true && !(await isListenedAt(join(nursery, 's')).catch(() => true)) ? found.ino : undefined;
  };
  const before = await refused();
  if (before === undefined) return;
  await pause(DEAD_MS, { ref: false });
  if ((await refused()) === before) await rm(nursery, { recursive: true, force: true }).catch(() => undefined);
}

async function serveHeld(path: string, mode: number, listen: () => Promise<void>): Promise<void> {
  try {
    await chmod(path, mode);
    await listen();
  } catch (error) {
    if (isGantryError(error)) throw error;
    throw failedPrecondition(`cannot serve the socket at ${path} that was handed over: ${errorText(error)}`, { cause: error });
  }
}

/** Takes a socket's name away when the server is done; a missing one is fine. One that somebody else holds stays: the next server has its callers. */
export async function retractSocket(path: string): Promise<void> {
  if (!isKept(path)) await rm(path, { force: true });
}

/** Takes a dead socket out of the way. Errors: conflict when somebody listens there, failedPrecondition when it is no socket. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw failedPrecondition(`${path} exists and is not a socket`);
  if (await isListenedAt(path)) throw conflict(`another process listens on ${path}`);
  const again = await lstat(path).catch(() => undefined);
  if (again?.ino === found.ino) await unlink(path);
}

/** Whether somebody holds the socket of that name, and be it only while its server restarts. */
export function isListenedAt(path: string): Promise<boolean> {
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
