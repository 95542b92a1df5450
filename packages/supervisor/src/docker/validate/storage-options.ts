import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { goSize } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** The bytes that `--storage-opt size=` gives the container's own layer; empty: it does not say. Throws invalidArgument for what nothing holds. */
export function storageSize({ StorageOpt }: Pick<HostConfig, 'StorageOpt'>): string {
  let size = '';
  for (const [option, value] of Object.entries(StorageOpt)) {
    if (option.toLowerCase() !== 'size') throw invalidArgument(`Unknown option ${option.toLowerCase()}`);
    size = String(goSize(value, 1024));
  }
  return size;
}
