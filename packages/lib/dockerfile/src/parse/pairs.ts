import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';
import type { Escape } from '../lines';
import { quoted } from '../quote';
import { splitWords } from '../words';
import { noFlags } from './forms';

export type Pair = readonly [key: string, value: string];

interface Pairs {
  readonly pairs: readonly Pair[];
  /** In the old form, which takes one pair. */
  readonly legacy?: true;
}

/** `a=b c="d e"`, or the old form `a b c`, where everything after the name is the value. Quotes are left in. */
export function splitPairs(instruction: string, text: string, escape: Escape): Pairs {
  const words = splitWords(text, escape);
  const [first] = words;
  if (first === undefined) return { pairs: [] };
  if (!first.includes('=')) {
    const [, key, value] = /^(\S+)\s+([\s\S]+)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) throw invalidArgument(`${instruction} must have two arguments`);
    return { pairs: [[key, value]], legacy: true };
  }
  const pairs = words.map((word): Pair => {
    const equals = word.indexOf('=');
    if (equals < 0) throw invalidArgument(`Syntax error - can't find = in ${quoted(word)}. Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
  return { pairs };
}

export function parsePairs(instruction: string, given: Arguments): Pairs {
  noFlags(given);
  const found = splitPairs(instruction, given.rest, given.escape);
  if (found.pairs.length === 0) throw invalidArgument(`${instruction} requires at least one argument`);
  if (found.pairs.some(([key]) => key === '')) throw invalidArgument(`${instruction} names can not be blank`);
  return found;
}
