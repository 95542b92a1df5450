import { isError } from '@gantry/rpc/errors';

/** Lines of a file, counted from 1, both ends included. */
export interface Lines {
  readonly start: number;
  readonly end: number;
}

const held = new WeakMap<Error, readonly Lines[]>();

/** Notes down which lines a failure is about. A second place is added to the first: a circle of stages has several. */
export function atLines<E>(error: E, lines: Lines): E {
  const first = holder(error);
  if (first !== undefined) held.set(first, [...(held.get(first) ?? []), lines]);
  else if (isError(error)) held.set(error, [lines]);
  return error;
}

/** As atLines, in place of what was noted before. */
export function atLinesOnly<E>(error: E, lines: Lines): E {
  const first = holder(error) ?? error;
  if (isError(first)) held.set(first, [lines]);
  return error;
}

/** The places that a failure, or what caused it, is about; none where nobody noted one. */
export function linesOf(error: unknown): readonly Lines[] {
  const found = holder(error);
  return found === undefined ? [] : (held.get(found) ?? []);
}

/** The error in a chain of causes whose places are known. */
function holder(error: unknown): Error | undefined {
  for (let found = error; isError(found); found = found.cause) if (held.has(found)) return found;
  return undefined;
}

/** Runs `work`; its failure is about these lines. */
export function within<T>(lines: Lines, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw atLines(error, lines);
  }
}
