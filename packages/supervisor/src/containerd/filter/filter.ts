import { compilePattern, type Pattern } from '@gantry/oci/pattern';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { type Condition, scanFilter } from './scanner';

/** Looks a field up in an object by its path; undefined when it is absent. */
export type FieldReader = (path: readonly string[]) => string | undefined;

export type Matcher = (fields: FieldReader) => boolean;

/** containerd's list of filters: an object passes when any of them holds; an empty list lets all pass. */
export function compileFilters(filters: readonly string[]): Matcher {
  if (filters.length === 0) return () => true;
  const alternatives = filters.map((filter) => {
    const checks = scanFilter(filter).map(compile);
    return (fields: FieldReader) => checks.every((check) => check(fields));
  });
  return (fields) => alternatives.some((alternative) => alternative(fields));
}

function compile(condition: Condition): Matcher {
  const { path, operator, value = '' } = condition;
  if (operator === undefined) return (fields) => (fields(path) ?? '') !== '';
  if (operator === '==') return (fields) => fields(path) === value;
  if (operator === '!=') return (fields) => fields(path) !== value;
  const regex = expression(value);
  return (fields) => {
    const found = fields(path);
    return found !== undefined && regex.test(found);
  };
}

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
