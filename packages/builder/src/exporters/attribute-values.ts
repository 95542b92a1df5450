import { invalidArgument } from '@gantry/rpc';

/** As Go's strconv.ParseBool; nothing stands for true. */
export function booleanOf(key: string, value: string): boolean {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalidArgument(`non-bool value specified for ${key}: "${value}"`);
}

/** Seconds since 1970, said wrongly as Go's strconv.ParseInt says it. */
export function epochOf(key: string, value: string): number {
  if (/^[+-]?\d{1,15}$/.test(value)) return Number(value);
  const reason = `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw invalidArgument(`invalid ${key}: ${reason}: ${reason}`);
}

export function integerOf(key: string, value: string): number {
  if (!/^-?\d{1,15}$/.test(value)) throw invalidArgument(`non-integer value ${value} specified for ${key}`);
  return Number(value);
}
