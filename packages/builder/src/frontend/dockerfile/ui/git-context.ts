import type { About, Output } from '../../../llb/write/graph';
import { git } from '../../../llb/write/sources';
import { type GitRef, parseGitRef } from './git-ref';

/** The tree of a git URL; undefined where the text is none. */
export function gitTree(text: string, about: About, keepGitDir = false): Output | undefined {
  const ref = parseGitRef(text);
  return ref === undefined ? undefined : treeOf(ref, about, keepGitDir || ref.keepGitDir === true);
}

export function treeOf(ref: GitRef, about: About, keepGitDir: boolean, checksum = ref.checksum): Output {
  return git(
    {
      url: ref.mayBePath ? `https://${ref.remote}` : ref.remote,
      name: ref.name,
      ref: ref.ref,
      directory: ref.directory,
      keepGitDir,
      skipSubmodules: ref.submodules === false,
      ssh: ref.ssh,
      ...(checksum === '' ? {} : { checksum }),
    },
    about,
  );
}
