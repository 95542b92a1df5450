import { invalidArgument } from '@gantry/rpc/errors';
import { didYouMean } from '../suggest';

type Kind = 'bool' | 'text' | 'list';

/** What a flag of each kind is read as; left out where it was not given. */
type Read<K extends Kind> = K extends 'bool' ? boolean : K extends 'text' ? string : readonly string[];

/** Reads flags as an instruction knows them: each once, but for lists; a bool alone is true. Errors: invalidArgument. */
export function parseFlags<const T extends Readonly<Record<string, Kind>>>(
  flags: readonly string[],
  known: T,
): { readonly [K in keyof T]?: Read<T[K]> } {
  const found: Record<string, boolean | string | string[]> = {};
  for (const flag of flags) {
    const equals = flag.indexOf('=');
    const shown = equals < 0 ? flag : flag.slice(0, equals);
    const value = equals < 0 ? undefined : flag.slice(equals + 1);
    const name = shown.slice(2);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw invalidArgument(`unknown flag: ${shown}${didYouMean(name, Object.keys(known))}`);
    const before = Object.hasOwn(found, name) ? found[name] : undefined;
    if (before !== undefined && kind !== 'list') throw invalidArgument(`duplicate flag specified: ${shown}`);
    if (kind === 'bool') found[name] = truth(shown, value);
    else if (value === undefined) throw invalidArgument(`missing a value on flag: ${shown}`);
    else found[name] = kind === 'text' ? value : [...(Array.isArray(before) ? before : []), value];
  }
  return found as { readonly [K in keyof T]?: Read<T[K]> };
}

function truth(shown: string, value: string | undefined): boolean {
  if (value === '') throw invalidArgument(`missing a value on flag: ${shown}`);
  const lower = (value ?? 'true').toLowerCase();
  if (lower === 'true' || lower === 'false') return lower === 'true';
  throw invalidArgument(`expecting boolean value for flag ${shown}, not: ${value ?? ''}`);
}
