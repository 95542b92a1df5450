import { invalidArgument } from '@gantry/rpc/errors';
import { chomped, heredocOf } from '../heredoc';
import type { Arguments } from '../instruction';
import { parseFlags } from './flags';
import { jsonList, words } from './forms';

/** A file written down in the Dockerfile itself. */
export interface InlineFile {
  readonly path: string;
  readonly data: string;
  readonly expand: boolean;
}

/** What COPY and ADD have in common. */
export interface Transfer {
  readonly sources: readonly string[];
  readonly files: readonly InlineFile[];
  readonly dest: string;
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

export interface Copy extends Transfer {
  /** A stage, an image, a named context; '' is the build context. */
  readonly from: string;
  readonly parents: boolean;
}

export interface Add extends Transfer {
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
  readonly unpack: boolean | undefined;
}

const common = { chown: 'text', chmod: 'text', link: 'bool', exclude: 'list' } as const;

export function parseCopy(given: Arguments): Copy {
  const paths = pathsOf('COPY', given);
  const flags = parseFlags(given.flags, { ...common, from: 'text', parents: 'bool' });
  return { ...transfer('COPY', given, paths, flags), from: flags.from ?? '', parents: flags.parents ?? false };
}

export function parseAdd(given: Arguments): Add {
  const paths = pathsOf('ADD', given);
  const flags = parseFlags(given.flags, { ...common, checksum: 'text', 'keep-git-dir': 'bool', unpack: 'bool' });
  const { checksum = '', unpack } = flags;
  return { ...transfer('ADD', given, paths, flags), checksum, keepGitDir: flags['keep-git-dir'], unpack };
}

function pathsOf(name: string, given: Arguments): readonly string[] {
  const paths = jsonList(given.rest) ?? words(given.rest);
  if (paths.length < 2)
    throw invalidArgument(`${name} requires at least two arguments, but only one was provided. Destination could not be determined`);
  return paths;
}

interface CommonFlags {
  readonly chown?: string;
  readonly chmod?: string;
  readonly link?: boolean;
  readonly exclude?: readonly string[];
}

function transfer(name: string, given: Arguments, paths: readonly string[], flags: CommonFlags): Transfer {
  const dest = paths.at(-1) ?? '';
  if (heredocOf(dest) !== undefined) throw invalidArgument(`${name} cannot accept a heredoc as a destination`);
  const sources: string[] = [];
  const files: InlineFile[] = [];
  for (const path of paths.slice(0, -1)) {
    const doc = heredocOf(path);
    if (doc === undefined) sources.push(path);
    else {
      const content = given.heredocs.findLast((one) => one.name === doc.name)?.content ?? '';
      files.push({ path: doc.name, data: doc.chomp ? chomped(content) : content, expand: doc.expand });
    }
  }
  const { chown = '', chmod = '', link = false, exclude = [] } = flags;
  return { sources, files, dest, chown, chmod, link, exclude };
}
