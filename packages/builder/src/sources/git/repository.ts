import { createHash } from 'node:crypto';
import { access, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { git, type GitRun } from './git';

/** A repository that nobody asked for in so long is removed. */
const UNUSED_MS = 14 * 24 * 3600 * 1000;

/** Bare repositories of remotes, so that only what is new is fetched. One at a time works on each. */
export class Repositories {
  private readonly queues = new Map<string, Promise<unknown>>();

  constructor(private readonly folder: string) {}

  async start(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name);
      if (name.endsWith('.work') || Date.now() - (await stat(path)).mtimeMs > UNUSED_MS) await rm(path, { recursive: true, force: true });
    }
  }

  /** Runs work with the folder of a remote's repository, alone. */
  async with<T>(remote: string, work: (repository: string) => Promise<T>): Promise<T> {
    const name = createHash('sha256').update(remote).digest('hex');
    const before = this.queues.get(name) ?? Promise.resolve();
    const own = before.catch(() => undefined).then(() => work(join(this.folder, name)));
    this.queues.set(name, own);
    try {
      return await own;
    } finally {
      if (this.queues.get(name) === own) this.queues.delete(name);
    }
  }

  /** A folder for one checkout; `start` removes what a killed service left. */
  async work(repository: string): Promise<string> {
    const path = `${repository}.work`;
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { mode: 0o700 });
    return path;
  }
}

/** Brings a commit into the repository, with as little of its history as the server allows. */
export async function fetchCommit(
  repository: string,
  { remote, commit, ref }: { readonly remote: string; readonly commit: string; readonly ref: string },
  run: GitRun,
): Promise<void> {
  await makeRepository(repository, commit, run);
  const now = new Date();
  await utimes(repository, now, now);
  const within: GitRun = { ...run, folder: repository };
  const here = (): Promise<boolean> =>
    git(['cat-file', '-e', `${commit}^{commit}`], { ...within, progress: undefined }).then(
      () => true,
      () => false,
    );
  if (await here()) return;
  await rm(join(repository, 'shallow.lock'), { force: true });
  const attempts = [
    ['--depth=1', '--no-tags', '--', remote, commit],
    ...(ref === '' ? [] : [['--depth=1', '--no-tags', '--', remote, ref]]),
    ['--tags', '--force', '--', remote, '+refs/heads/*:refs/gantry/heads/*'],
  ];
  for (const [at, args] of attempts.entries()) {
    try {
      await git(['fetch', ...args], within);
    } catch (error) {
      run.signal.throwIfAborted();
      if (at === attempts.length - 1) throw error;
      continue; // a server that gives no single commits, or no part of a history
    }
    if (await here()) return;
  }
  if (await exists(join(repository, 'shallow'))) await git(['fetch', '--unshallow', '--tags', '--', remote], within);
  await git(['cat-file', '-e', `${commit}^{commit}`], within);
}

async function makeRepository(repository: string, commit: string, run: GitRun): Promise<void> {
  if (await exists(join(repository, 'HEAD'))) return;
  await rm(repository, { recursive: true, force: true });
  await mkdir(repository, { recursive: true, mode: 0o700 });
  await git(['init', '--bare', '--quiet', ...(commit.length === 64 ? ['--object-format=sha256'] : []), '.'], {
    ...run,
    folder: repository,
  });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
