import type { Lines } from '@gantry/dockerfile';
import { rangeJson } from '../../../failure/source';
import { rangesOf } from '../convert/ranges';

/** Lines as a location in an answer. */
export function placeOf(lines: Lines, sourceIndex = 0): object {
  const ranges = rangesOf(lines).map(rangeJson);
  return { ...(sourceIndex === 0 ? {} : { sourceIndex }), ...(ranges.length === 0 ? {} : { ranges }) };
}

/** Members without content are left out. */
export function filled<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== '' && item !== false && item !== undefined)) as Partial<T>;
}
