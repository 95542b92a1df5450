import { invalidArgument } from '@gantry/rpc/errors';

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
