import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';
import { splitWords } from '../words';
import { noFlags } from './forms';

/** `a=b c="d e"`, or the old form `a b c`, where everything after the name is the value. Quotes are left in. */
export function parsePairs(instruction: string, given: Arguments): (readonly [string, string])[] {
  noFlags(given);
  const words = splitWords(given.rest, given.escape);
  const [first] = words;
  if (first === undefined) throw invalidArgument(`${instruction} requires at least one argument`);
  if (!first.includes('=')) {
    const [, key, value] = /^(\S+)\s+([\s\S]+)$/.exec(given.rest) ?? [];
    if (key === undefined || value === undefined) throw invalidArgument(`${instruction} must have two arguments`);
    return [[key, value]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) throw invalidArgument(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    if (equals === 0) throw invalidArgument(`${instruction} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}
