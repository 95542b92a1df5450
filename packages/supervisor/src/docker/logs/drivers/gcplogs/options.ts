import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { METADATA_OPTIONS } from '../../options/names';

/** There is no tag among them. */
const NAMES: readonly string[] = [
  ...METADATA_OPTIONS.filter((name) => name !== 'tag'),
  'gcp-project',
  'gcp-log-cmd',
  'gcp-meta-zone',
  'gcp-meta-name',
  'gcp-meta-id',
];

export function validateGcplogs(options: LogOptions): void {
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name)) throw invalidArgument(`${JSON.stringify(name)} is not a valid option for the gcplogs driver`);
  }
}
