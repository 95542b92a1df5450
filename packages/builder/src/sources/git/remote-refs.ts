import { dataLoss, notFound } from '@gantry/rpc';
import { git, type GitRun } from './git';
import { isCommit, shown, type GitIdentifier } from './identifier';

export interface FoundCommit {
  readonly commit: string;
  /** The whole name that led to it; empty: none did. */
  readonly ref: string;
}

/** The commit that a ref of the remote names now: of equal names a branch goes before a tag, as with git's own checkout. */
export async function findCommit({ remote, ref: asked, checksum }: GitIdentifier, run: GitRun): Promise<FoundCommit> {
  const ref = asked === '' ? await defaultBranch(remote, run) : asked;
  const lines = (await git(['ls-remote', '--', remote, ref, `${ref}^{}`], run)).toString().split('\n');
  const refs = new Map(lines.map((line) => line.split('\t')).map(([commit = '', name = '']) => [name, commit]));
  const bare = ref.replace(/^refs\//, '');
  const names = [`refs/${bare}`, `refs/heads/${bare.replace(/^heads\//, '')}`, `refs/tags/${bare.replace(/^tags\//, '')}`];
  const found = names.find((name) => refs.has(name));
  if (found === undefined) throw notFound(`repository does not contain ref ${ref}, output: ""`);
  const commit = refs.get(`${found}^{}`) ?? refs.get(found) ?? '';
  if (!isCommit(commit)) throw dataLoss(`invalid commit sha "${commit}" of ${shown(remote)}`);
  checkCommit(commit, checksum);
  return { commit, ref: found };
}

export function checkCommit(commit: string, checksum: string): void {
  if (checksum !== '' && !commit.startsWith(checksum)) throw dataLoss(`expected checksum to match ${checksum}, got ${commit}`);
}

async function defaultBranch(remote: string, run: GitRun): Promise<string> {
  const told = (await git(['ls-remote', '--symref', '--', remote, 'HEAD'], run)).toString();
  const [, branch] = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(told) ?? [];
  if (branch === undefined) throw notFound(`could not find default branch for repository: ${shown(remote)}`);
  return branch;
}
