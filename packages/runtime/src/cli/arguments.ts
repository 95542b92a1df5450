import { invalidArgument } from '@gantry/rpc/errors';

export type FlagKind = 'string' | 'boolean' | 'list';

export interface Flag {
  readonly kind: FlagKind;
  readonly short?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;
type Value<F extends Flag> = F['kind'] extends 'boolean' ? boolean : F['kind'] extends 'list' ? string[] : string | undefined;
export type Values<F extends Flags> = { [K in keyof F]: Value<F[K]> };

/**
 * Reads flags up to the first word that is none (or `--`); the rest are the positional words. `--name value`, `--name=value`, `-n value`;
 * as runc's, long names may have one dash.
 */
export function parseFlags<F extends Flags>(
  words: readonly string[],
  flags: F,
  options: { readonly interleaved?: boolean } = {},
): { values: Values<F>; rest: string[] } {
  const values: Record<string, string | boolean | string[] | undefined> = {};
  for (const [name, { kind }] of Object.entries(flags)) values[name] = kind === 'boolean' ? false : kind === 'list' ? [] : undefined;
  const rest: string[] = [];
  let i = 0;
  for (; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '--') {
      i++;
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (!options.interleaved) break;
      rest.push(word);
      continue;
    }
    const [given, inline] = splitOnce(word.replace(/^--?/, ''));
    const name = Object.hasOwn(flags, given) ? given : Object.keys(flags).find((key) => flags[key]?.short === given);
    if (name === undefined) throw invalidArgument(`unknown flag ${word}`);
    const { kind } = flags[name] as Flag;
    if (kind === 'boolean') {
      if (inline !== undefined && !['true', 'false'].includes(inline))
        throw invalidArgument(`flag --${name} takes true or false, not "${inline}"`);
      values[name] = inline !== 'false';
      continue;
    }
    const value = inline ?? words[++i];
    if (value === undefined) throw invalidArgument(`flag --${name} needs a value`);
    if (kind === 'list') (values[name] as string[]).push(value);
    else values[name] = value;
  }
  return { values: values as Values<F>, rest: [...rest, ...words.slice(i)] };
}

function splitOnce(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Exactly so many positional words, or an error that names what is missing. */
export function positional(rest: readonly string[], names: readonly string[], optional = 0): string[] {
  if (rest.length < names.length - optional) throw invalidArgument(`argument ${names[rest.length] ?? ''} is missing`);
  if (rest.length > names.length) throw invalidArgument(`unexpected argument "${rest[names.length]}"`);
  return [...rest];
}

/** A non-negative integer flag. */
export function integer(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw invalidArgument(`flag --${name}: "${text}" is not a number`);
  return Number(text);
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** Bytes, with k, m, g or t (and b) after the number; -1 is no limit. */
export function size(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(-1|\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?$/i.exec(text);
  const bytes = match ? Math.floor(Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 1)) : NaN;
  if (!Number.isSafeInteger(bytes)) throw invalidArgument(`flag --${name}: "${text}" is not a number of bytes`);
  return bytes === 0 || !match?.[1]?.startsWith('-') ? bytes : -1;
}
