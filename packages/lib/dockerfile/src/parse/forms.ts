import { invalidArgument } from '@gantry/rpc/errors';
import type { Arguments, Command } from '../instruction';
import { parseFlags } from './flags';

/** Instructions without flags say so. */
export function noFlags({ flags }: Arguments): void {
  parseFlags(flags, {});
}

/** A JSON list of texts; undefined where the text is none, which makes it a shell's. A list of something else is an error. */
export function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every((item) => typeof item === 'string'))
    throw invalidArgument('when using JSON array syntax, arrays must be comprised of strings only');
  return value;
}

export function commandForm(given: Arguments): Command {
  noFlags(given);
  return commandOf(given.rest);
}

export function commandOf(text: string): Command {
  const words = jsonList(text);
  return words === undefined ? { form: 'shell', text } : { form: 'exec', words };
}

export const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

export function someWords(instruction: string, given: Arguments): string[] {
  noFlags(given);
  const found = words(given.rest);
  if (found.length === 0) throw invalidArgument(`${instruction} requires at least one argument`);
  return found;
}

/** A JSON list, or words. */
export function listForm(instruction: string, given: Arguments): string[] {
  noFlags(given);
  const found = jsonList(given.rest) ?? words(given.rest);
  if (found.length === 0) throw invalidArgument(`${instruction} requires at least one argument`);
  return found;
}

/** The paths of VOLUME: a list; none of them is empty. */
export function volumes(given: Arguments): string[] {
  const found = listForm('VOLUME', given).map((path) => path.trim());
  if (found.includes('')) throw invalidArgument('VOLUME specified can not be an empty string');
  return found;
}

/** All of the line is one word. */
export function single(instruction: string, given: Arguments): string {
  noFlags(given);
  if (given.rest === '') throw invalidArgument(`${instruction} requires exactly one argument`);
  return given.rest;
}
