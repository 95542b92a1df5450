import { compilePattern } from '@gantry/oci/pattern';
import { invalidArgument, isErrorOf, parseGoDuration } from '@gantry/rpc';

/** docker's filters of a request. */
export type FilterMap = Readonly<Record<string, { values: readonly string[] }>>;

/** Refuses a filter that the endpoint does not know, with dockerd's words. */
export function checkFilterKeys(filters: FilterMap, known: readonly string[]): void {
  for (const key of Object.keys(filters)) if (!known.includes(key)) throw invalidArgument(`invalid filter '${key}'`);
}

export function filterValues(filters: FilterMap, key: string): readonly string[] {
  return filters[key]?.values ?? [];
}

/** Values of a filter that is true or false; undefined when it is absent. Throws invalidArgument for another word. */
export function filterFlag(filters: FilterMap, key: string): boolean | undefined {
  const values = filterValues(filters, key);
  if (values.length === 0) return undefined;
  const read = new Set(values.map((value) => flagOf(key, value, values)));
  if (read.size > 1) throw invalidArgument(`invalid filter '${key}=[${values.join(' ')}]'`);
  return read.has(true);
}

function flagOf(key: string, value: string, values: readonly string[]): boolean {
  if (['1', 't', 'true', 'True', 'TRUE', 'T'].includes(value)) return true;
  if (['0', 'f', 'false', 'False', 'FALSE', 'F'].includes(value)) return false;
  throw invalidArgument(`invalid filter '${key}=[${values.join(' ')}]'`);
}

/** `label=a`, `label=a=b` (all must hold), and the same with `label!` that must not hold. */
export function labelsMatch(labels: Readonly<Record<string, string>>, filters: FilterMap): boolean {
  const has = (wanted: string): boolean => {
    const equals = wanted.indexOf('=');
    if (equals < 0) return Object.hasOwn(labels, wanted);
    const key = wanted.slice(0, equals);
    return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1);
  };
  return filterValues(filters, 'label').every(has) && !filterValues(filters, 'label!').some(has);
}

/**
 * docker's filters by name, and by a network's id: a value is the text itself or a regular expression that is found in it, and any of them will do. As in
 * dockerd, no value lets all pass, and one that is no expression matches nothing else. Throws outOfRange for one that is too large.
 */
export function patternFilter(filters: FilterMap, key: string): (...texts: readonly string[]) => boolean {
  const wanted = filterValues(filters, key);
  if (wanted.length === 0) return () => true;
  const tests = wanted.map(found);
  return (...texts) => texts.some((text) => wanted.includes(text) || tests.some((test) => test(text)));
}

function found(source: string): (text: string) => boolean {
  try {
    const pattern = compilePattern(source);
    return (text) => pattern.test(text);
  } catch (error) {
    if (isErrorOf(error, 'invalidArgument')) return () => false;
    throw error;
  }
}

/** `until=<unix time or RFC 3339 or duration>`, in milliseconds since the epoch; undefined when absent. */
export function untilTime(filters: FilterMap, now: number = Date.now()): number | undefined {
  const values = filterValues(filters, 'until');
  if (values.length === 0) return undefined;
  if (values.length > 1) throw invalidArgument('more than one until filter specified');
  const value = values[0] ?? '';
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const duration = parseGoDuration(value);
  if (duration !== undefined) return now - duration;
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw invalidArgument(`failed to parse value as time or duration: "${value}"`);
  return at;
}
