import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';
import { splitWords } from '../words';
import { noFlags } from './forms';

/** One build argument that an ARG declares. */
export interface Argument {
  readonly key: string;
  /** Its default. */
  readonly value: string | undefined;
  /** What the comment above says about it. */
  readonly comment: string;
}

export function parseArg(given: Arguments): Argument[] {
  const words = splitWords(given.rest, given.escape);
  if (words.length === 0) throw invalidArgument('ARG requires at least one argument');
  noFlags(given);
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals === 0) throw invalidArgument('ARG names can not be blank');
    const key = equals < 0 ? word : word.slice(0, equals);
    return { key, value: equals < 0 ? undefined : word.slice(equals + 1), comment: commentOf(given.comments, key) };
  });
}

/** The comment that begins with the name of what it is about, without the name. */
export function commentOf(comments: readonly string[], name: string): string {
  const found = name === '' ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return found?.slice(name.length + 1) ?? '';
}
