import { invalidArgument } from '@gantry/rpc';
import type { Query } from './query';

/** A point in time as `seconds[.nanoseconds]` since the epoch; empty (no bound) when absent or 0. Errors: invalidArgument. */
export function epoch(query: Query, name: string): string {
  const value = query.text(name);
  if (value === '' || value === '0') return '';
  if (!/^-?[0-9]{1,18}(\.[0-9]{1,9})?$/.test(value))
    throw invalidArgument(
      `invalid value for ${JSON.stringify(name)}: ${JSON.stringify(value)} is not seconds[.nanoseconds] since the epoch`,
    );
  return value;
}
