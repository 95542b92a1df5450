import { posix } from 'node:path';
import { parseDigest } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { CopyAction } from '../../../llb/write/file';
import { http } from '../../../llb/write/sources';
import { treeOf } from '../ui/git-context';
import { type GitRef, parseGitRef } from '../ui/git-ref';
import type { Transferring } from './copy-files';

export const isUrl = (source: string): boolean => /^https?:\/\//.test(source);

const repositoryOf = (source: string): GitRef | undefined => {
  const found = parseGitRef(source);
  return found?.mayBePath === true ? undefined : found;
};

/** Something to download, or a git repository. */
export function isRemote(source: string): boolean {
  return isUrl(source) || repositoryOf(source) !== undefined;
}

/** A checksum is of one thing that comes from elsewhere. */
export function checkChecksum(checksum: string, sources: readonly string[]): void {
  if (checksum === '') return;
  const [source = '', ...more] = sources;
  if (source === '' || more.length > 0) throw invalidArgument("checksum can't be specified for multiple sources");
  if (!isUrl(source) && parseGitRef(source) === undefined) throw invalidArgument('checksum requires HTTP(S) or Git sources');
}

export function remoteAction(transferring: Transferring, source: string): CopyAction {
  const repository = repositoryOf(source);
  return repository === undefined ? download(transferring, source) : checkout(transferring, repository);
}

function checkout({ add, common, name }: Transferring, repository: GitRef): CopyAction {
  if (add === undefined) throw invalidArgument("source can't be a git ref for COPY");
  if (add.keepGitDir !== undefined && repository.keepGitDir !== undefined && add.keepGitDir !== repository.keepGitDir)
    throw invalidArgument('inconsistent keep-git-dir configuration');
  if (add.checksum !== '' && repository.checksum !== '' && add.checksum !== repository.checksum)
    throw invalidArgument(`checksum mismatch "${add.checksum}" != "${repository.checksum}"`);
  const keepGitDir = repository.keepGitDir ?? add.keepGitDir ?? false;
  const checksum = repository.checksum === '' ? add.checksum : repository.checksum;
  return { ...common, kind: 'copy', from: treeOf(repository, { name }, keepGitDir, checksum), source: '/' };
}

function download({ add, common, name, at }: Transferring, source: string): CopyAction {
  if (add === undefined) throw invalidArgument("source can't be a URL for COPY");
  const filename = fileOf(source);
  const checksum = add.checksum === '' ? {} : { checksum: parseDigest(add.checksum) };
  const description = { 'com.docker.dockerfile.v1.command': at.command.step.text };
  const from = http(source, { filename, ...checksum }, { name, description });
  return { ...common, kind: 'copy', from, source: posix.join('/', filename), unpack: add.unpack ?? false };
}

/** The last part of a URL's path is the file's name. */
export function fileOf(url: string): string {
  const path = /^https?:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? '';
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return '__unnamed__';
  }
  const base = posix.basename(decoded);
  return base === '' || base === '.' || base === '/' ? '__unnamed__' : base;
}
