import { type LogOptions, cacheDisabled } from '../options/cache';
import { type FileRules, localRules } from '../options/file';
import type { Forwarding, LogDriver } from './driver';

/** What waits on the way to a remote when the container's own cache is switched off. */
const SPOOL: FileRules = { maxSize: 20 * 1024 * 1024, maxFile: 2, compress: false };

/**
 * A driver whose lines go elsewhere, by way of the file that keeps them for `docker logs`. What its original tells of the options only when a container starts,
 * `settle` throws.
 */
export function forwarded(
  validate: (options: LogOptions) => void,
  forwarding: Forwarding,
  settle: (options: LogOptions) => unknown = () => undefined,
): LogDriver {
  return {
    isReadable: (options) => !cacheDisabled(options),
    validate,
    files(options) {
      settle(options);
      return cacheDisabled(options) ? SPOOL : localRules(options, 'cache-');
    },
    attributesInFile: false,
    forwarding,
  };
}
