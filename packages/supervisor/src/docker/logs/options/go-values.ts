import { invalidArgument } from '@gantry/rpc';

/** Words that Go's strconv.ParseBool takes. Throws invalidArgument in its words. */
export function goBool(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** A number as strconv.Atoi takes it; undefined when it is none. */
export function goInt(text: string): number | undefined {
  const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
