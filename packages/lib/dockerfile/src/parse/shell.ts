import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments } from '../instruction';
import { jsonList, noFlags } from './forms';

export function parseShell(given: Arguments): readonly string[] {
  noFlags(given);
  const words = jsonList(given.rest);
  if (words === undefined && given.rest !== '') throw invalidArgument('SHELL requires the arguments to be in JSON form');
  if (words === undefined || words.length === 0) throw invalidArgument('SHELL requires at least one argument');
  return words;
}
