import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from './cache';

/** What a driver tells of a container beside its lines. */
export const METADATA_OPTIONS = ['env', 'env-regex', 'labels', 'labels-regex', 'tag'] as const;

export function refuseUnknown(options: LogOptions, known: readonly string[], called: string): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidArgument(`unknown log opt '${name}' for ${called}`);
  }
}
