import type { Range } from '@gantry/api/pb/ops';
import type { Lines } from '@gantry/dockerfile';

/** Lines as ranges: one each; none for lines that nobody knows. */
export function rangesOf({ start, end }: Lines): Range[] {
  return Array.from({ length: end - start + 1 }, (_none, at) => {
    const position = { line: start + at, character: 0 };
    return { start: position, end: position };
  });
}

/** The place of what is not written in the file. */
export const NOWHERE: Lines = { start: 0, end: -1 };
