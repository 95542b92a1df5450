import { invalidArgument, isErrorOf } from '@gantry/rpc/errors';
import { compilePattern, type Pattern } from '../pattern';
import { type Condition, parseFilter } from './parser';

/** Looks a field up in an object by its path; undefined when the object has none. An empty string is a value: a label may be empty. */
export type FieldReader = (path: readonly string[]) => string | undefined;

export type Matcher = (fields: FieldReader) => boolean;

/**
 * containerd's list of filters: an object passes when any of them holds; an empty list and an empty filter let all pass. What is absent is
 * not equal to anything, and an empty string to `!=` and `~=`.
 */
export function compileFilters(filters: readonly string[]): Matcher {
  if (filters.length === 0) return () => true;
  const alternatives = filters.map((filter) => {
    const checks = parseFilter(filter).map(compile);
    return (fields: FieldReader) => checks.every((check) => check(fields));
  });
  return (fields) => alternatives.some((alternative) => alternative(fields));
}

function compile({ path, operator, value = '' }: Condition): Matcher {
  if (operator === undefined) return (fields) => fields(path) !== undefined;
  if (operator === '==') return (fields) => fields(path) === value;
  if (operator === '!=') return (fields) => (fields(path) ?? '') !== value;
  const pattern = expression(value);
  return (fields) => pattern.test(fields(path) ?? '');
}

/** containerd lets a pattern that is none match nothing, and tells its log; here the client is told. */
function expression(source: string): Pattern {
  try {
    return compilePattern(source);
  } catch (error) {
    if (!isErrorOf(error, 'invalidArgument', 'outOfRange')) throw error;
    throw invalidArgument(`filters: ${error.message}`, { cause: error });
  }
}

/** Reads `labels.<key>`; keys with dots come quoted, or as several words of the path. */
export function labelField(labels: Readonly<Record<string, string>>, path: readonly string[]): string | undefined {
  const key = path.slice(1).join('.');
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
