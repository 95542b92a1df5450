import { invalidArgument } from '@gantry/rpc/errors';

/** A bool in any of Go's spellings; undefined for what is none. */
export function goBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

export function truthOf(key: string, text: string): boolean {
  const found = goBool(text);
  if (found === undefined) throw invalidArgument(`invalid value for ${key}: ${text}`);
  return found;
}
