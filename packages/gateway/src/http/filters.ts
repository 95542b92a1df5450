import type { FilterValues } from '@gantry/api/gantry/engine/v1/containers';
import { type Json, JsonObject, scanJson } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import type { Query } from './query';

export type Filters = { [key: string]: FilterValues };

/**
 * The `filters` parameter: `{"key":["value"]}`, or `{"key":{"value":true}}` of old clients. Which keys there are is
 * known to whom it concerns; `allowed` are those of what the gateway answers itself. Errors: invalidArgument with dockerd's texts.
 */
export function readFilters(query: Query, allowed?: readonly string[]): Filters {
  const source = query.text('filters');
  if (source === '') return {};
  const filters: Filters = {};
  for (const [key, value] of members(source)) {
    const values = readValues(value);
    if (allowed !== undefined && !allowed.includes(key)) throw invalidArgument(`invalid filter '${key}'`);
    filters[key] = { values };
  }
  return filters;
}

function members(source: string): JsonObject['members'] {
  let root: Json;
  try {
    const scanned = scanJson(source);
    root = scanned.rest === '' ? scanned.value : false;
  } catch {
    root = false;
  }
  if (root === null) return [];
  if (!(root instanceof JsonObject)) throw invalidArgument('invalid filter');
  return root.members;
}

function readValues(value: Json): string[] {
  if (value === null) return [];
  if (Array.isArray(value) && value.every((item: Json) => typeof item === 'string' || item === null))
    return (value as (string | null)[]).map((item) => item ?? '');
  if (value instanceof JsonObject && value.members.every(([, on]) => typeof on === 'boolean')) {
    return value.members.filter(([, on]) => on === true).map(([name]) => name);
  }
  throw invalidArgument('invalid filter');
}
