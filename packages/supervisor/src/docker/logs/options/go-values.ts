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

const EXPONENTS: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/** A size in docker's words, with units of 1000 (sizes of files) or 1024 (of memory). Throws invalidArgument. */
export function goSize(text: string, base: 1000 | 1024): number {
  const match = /^(.*[0-9.])? ?([^0-9. ]*)$/.exec(text);
  const [, number = '', suffix = ''] = match ?? [];
  if (match === null || !/^[0-9]+(?:\.[0-9]*)?$/.test(number)) throw invalidArgument(`invalid size: '${text}'`);
  const unit = /^(?:b|([kmgtp])(?:b|ib)?)?$/i.exec(suffix);
  if (unit === null) throw invalidArgument(`invalid suffix: '${suffix}'`);
  return Math.floor(Number(number) * base ** (EXPONENTS[unit[1]?.toLowerCase() ?? ''] ?? 0));
}
