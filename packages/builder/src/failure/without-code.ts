import { asGantryError, type ErrorKind, GantryError } from '@gantry/rpc';

/**
 * A failure as BuildKit's clients expect it: what went wrong in a file, a step or a registry has no code of its own (clients would put its name before the
 * message); only the kinds named keep theirs. The details stay: they are those of the cause, too.
 */
export function withoutCode(thrown: unknown, kept: readonly ErrorKind[]): GantryError {
  const failure = asGantryError(thrown);
  if (kept.includes(failure.kind)) return failure;
  return new GantryError('unknown', failure.message, { cause: failure, meta: failure.meta });
}
