import { spawn } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { treeOutcome } from '@gantry/native';
import { notFound } from '@gantry/rpc';
import { git, type GitRun } from './git';
import { type GitIdentifier, shown } from './identifier';

export interface CheckoutPlace {
  readonly repository: string;
  /** Folder for what is needed on the way. */
  readonly work: string;
  /** Where the files come to lie. */
  readonly tree: string;
  readonly program: string;
}

/** Lays the files of a commit out in a tree. */
export async function checkout(
  place: CheckoutPlace,
  { commit, ref }: { readonly commit: string; readonly ref: string },
  wish: GitIdentifier,
  run: GitRun,
): Promise<void> {
  const within: GitRun = { ...run, folder: place.repository };
  const modules = !wish.skipSubmodules && (await has(`${commit}:.gitmodules`, within));
  const keep = wish.keepGitDir && wish.subdir === '';
  if (!keep && !modules) return files(place, commit, wish, within);
  const folder = keep ? place.tree : join(place.work, 'files');
  await mkdir(folder, { recursive: true });
  await clone(place, { commit, ref, folder }, wish, run);
  if (modules) await submodules({ ...run, folder });
  if (keep) await rm(join(folder, '.git', 'FETCH_HEAD'), { force: true });
  else await move(place, folder, wish.subdir);
}

/**
 * Straight out of the repository. The sub-folder is looked up among the commit's own trees, where there is neither a way up nor a link to follow, and git writes what
 * is in it and nothing else.
 */
async function files(
  { repository, tree, work }: CheckoutPlace,
  commit: string,
  { subdir, remote }: GitIdentifier,
  run: GitRun,
): Promise<void> {
  const name = `${commit}:${subdir}`;
  const type = await git(['cat-file', '-t', name], { ...run, progress: undefined }).catch(() => Buffer.from(''));
  if (type.toString().trim() !== 'tree') throw notFound(`failed to open subdir ${subdir} of ${shown(remote)}`);
  const environment = { ...run.environment, GIT_INDEX_FILE: join(work, 'index'), GIT_DIR: repository, GIT_WORK_TREE: tree };
  await git(['read-tree', name], { ...run, environment });
  await git(['checkout-index', '--all', '--force', '--quiet'], { ...run, environment, folder: tree });
}

/** As a repository with a working tree; it says that it came from the remote. */
async function clone(
  { repository }: CheckoutPlace,
  { commit, ref, folder }: { readonly commit: string; readonly ref: string; readonly folder: string },
  { remote }: GitIdentifier,
  run: GitRun,
): Promise<void> {
  const own = `refs/gantry/build/${commit}`;
  await git(['update-ref', own, commit], { ...run, folder: repository });
  const here: GitRun = { ...run, folder };
  await git(['init', '--quiet', ...(commit.length === 64 ? ['--object-format=sha256'] : [])], here);
  await git(['fetch', '--quiet', '-u', '--depth=1', `file://${repository}`, own], { ...here, local: true });
  if (ref !== '') await git(['update-ref', ref, commit], here);
  await git(['checkout', '--quiet', '--detach', commit], here);
  await git(['remote', 'add', 'origin', shown(remote)], here);
  await git(['reflog', 'expire', '--all', '--expire=now'], here);
}

/** With their last commits alone, where their servers can give those. */
async function submodules(run: GitRun): Promise<void> {
  const update = ['submodule', 'update', '--init', '--recursive'];
  try {
    await git([...update, '--depth=1'], run);
  } catch {
    run.signal.throwIfAborted();
    await git(update, run);
  }
}

/** Copies what is below a sub-folder, without git's own; the C program follows no link out of either tree. */
async function move({ tree, program }: CheckoutPlace, folder: string, subdir: string): Promise<void> {
  await removeGit(folder);
  const out = spawn(program, ['pack', '--root', folder, ...(subdir === '' ? [] : ['--path', subdir])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
  });
  const into = spawn(program, ['untar', '--root', tree, '--copy'], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
  const outcomes = Promise.all([treeOutcome(out, false), treeOutcome(into)]);
  await pipeline(out.stdout, into.stdin).catch(() => undefined); // the outcomes say more
  await outcomes;
}

/** Repositories of the whole and of its submodules. */
async function removeGit(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name === '.git') await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory()) await removeGit(path);
  }
}

const has = (name: string, run: GitRun): Promise<boolean> =>
  git(['cat-file', '-e', name], { ...run, progress: undefined }).then(
    () => true,
    () => false,
  );
