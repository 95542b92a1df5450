import type { LogOptions } from '../options/cache';
import type { FileRules, LogBound } from '../options/file';
import { refuseUnknown } from '../options/names';
import type { LogDriver } from './driver';

interface FileDriver {
  readonly names: readonly string[];
  readonly called: string;
  readonly files: (options: LogOptions, bound?: LogBound) => FileRules;
  readonly attributesInFile: boolean;
}

/** A driver whose lines rest where the monitor writes them. */
export function fileDriver({ names, called, files, attributesInFile }: FileDriver): LogDriver {
  return {
    validate: (options) => refuseUnknown(options, names, called),
    files: (options, bound) => files(options, bound),
    attributesInFile,
    isReadable: () => true,
  };
}
