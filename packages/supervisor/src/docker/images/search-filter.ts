import type { FilterValues } from '@gantry/api/gantry/engine/v1/containers';
import type { SearchResult } from '@gantry/api/gantry/images/v1/images';
import { invalidArgument } from '@gantry/rpc';

/** docker search --filter: is-official, is-automated (true or false), stars (at least). Errors: invalidArgument in dockerd's words. */
export function searchFilter(filters: Readonly<Record<string, FilterValues>>): (result: SearchResult) => boolean {
  const official = truth('is-official', filters);
  const automated = truth('is-automated', filters);
  const stars = Math.max(
    0,
    ...(filters['stars']?.values ?? []).map((value) => {
      if (!/^[0-9]+$/.test(value))
        throw invalidArgument(`invalid filter 'stars=${value}': strconv.Atoi: parsing "${value}": invalid syntax`);
      return Number(value);
    }),
  );
  return (result) =>
    (official === undefined || result.isOfficial === official) &&
    (automated === undefined || result.isAutomated === automated) &&
    Number(result.starCount) >= stars;
}

function truth(name: string, filters: Readonly<Record<string, FilterValues>>): boolean | undefined {
  const values = filters[name]?.values ?? [];
  if (values.length === 0) return undefined;
  const [yes, no] = [values.some((value) => value === 'true' || value === '1'), values.some((value) => value === 'false' || value === '0')];
  if (yes === no) throw invalidArgument(`invalid filter '${name}=[${values.join(' ')}]'`);
  return yes;
}
