import type { Network } from '@gantry/api/gantry/network/v1/network';
import { invalidArgument } from '@gantry/rpc';
import { checkFilterKeys, filterValues, type FilterMap, labelsMatch, patternFilter } from '../filters';

const KEYS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

/** Filters of GET /networks. `used` tells the ids of networks that a container names. */
export function networkFilter(filters: FilterMap, used: ReadonlySet<string>): (network: Network) => boolean {
  checkFilterKeys(filters, KEYS);
  const dangling = danglingOf(filters);
  const types = filterValues(filters, 'type');
  for (const type of types) if (type !== 'builtin' && type !== 'custom') throw invalidArgument(`invalid filter: 'type'='${type}'`);
  const [id, name] = [patternFilter(filters, 'id'), patternFilter(filters, 'name')];
  const any = (key: string, matches: (value: string) => boolean): boolean => {
    const values = filterValues(filters, key);
    return values.length === 0 || values.some(matches);
  };
  return (network) =>
    any('driver', (value) => network.driver === value) &&
    id(network.id) &&
    any('scope', (value) => (network.scope || 'local') === value) &&
    any('type', (value) => (value === 'builtin') === network.predefined) &&
    name(network.name) &&
    labelsMatch(network.labels, filters) &&
    (dangling === undefined || dangling === (!network.predefined && !used.has(network.id)));
}

/** Networks have words of their own for a value that is neither. */
function danglingOf(filters: FilterMap): boolean | undefined {
  const values = filterValues(filters, 'dangling');
  const known = values.every((value) => ['true', '1', 'false', '0'].includes(value));
  if (!known || new Set(values.map((value) => value === 'true' || value === '1')).size > 1)
    throw invalidArgument(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
  return values.length === 0 ? undefined : values[0] === 'true' || values[0] === '1';
}
