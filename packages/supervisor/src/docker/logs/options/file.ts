import { goSize } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from './cache';
import { goBool, goInt } from './go-values';
import { named } from './named';

/** How the monitor keeps a log's files. */
export interface FileRules {
  /** Bytes after which a file is followed by another; 0: never. */
  readonly maxSize: number;
  readonly maxFile: number;
  readonly compress: boolean;
}

/** What keeps a log bounded that nobody bounded. */
export type LogBound = Pick<FileRules, 'maxSize' | 'maxFile'>;

/**
 * Throws invalidArgument in dockerd's words: there, too, what is wrong is told when the container is started. A log without a size is bounded by the engine's word,
 * if it has one.
 */
export function jsonFileRules(options: LogOptions, bound?: LogBound): FileRules {
  const size = options['max-size'] === undefined ? undefined : goSize(options['max-size'], 1000);
  if (size === 0) throw invalidArgument('max-size must be a positive number');
  const maxFile = options['max-file'] === undefined ? 1 : whole(options['max-file']);
  if (maxFile < 1) throw invalidArgument('max-file cannot be less than 1');
  const compress = options['compress'] !== undefined && goBool(options['compress']);
  if (compress && (maxFile === 1 || size === undefined))
    throw invalidArgument('compress cannot be true when max-file is less than 2 or max-size is not set');
  if (size === undefined && bound !== undefined)
    return { maxSize: bound.maxSize, maxFile: options['max-file'] === undefined ? bound.maxFile : maxFile, compress };
  return { maxSize: size ?? 0, maxFile, compress };
}

/** As it is in the engine's configuration; undefined for a size of 0: logs grow, as dockerd's do. Throws invalidArgument that names the key. */
export function readBound({
  'max-size': size,
  'max-file': files,
}: Readonly<Record<'max-size' | 'max-file', unknown>>): LogBound | undefined {
  const maxSize = named(() => goSize(String(size), 1000), 'log-bound.max-size: ');
  if (!Number.isSafeInteger(files) || Number(files) < 1)
    throw invalidArgument(`log-bound.max-file ${String(files)} is not a whole number of one or more`);
  return maxSize === 0 ? undefined : { maxSize, maxFile: Number(files) };
}

/** Of the driver `local`, and of the cache of drivers that cannot be read back, whose names begin with `cache-`. */
export function localRules(options: LogOptions, prefix: '' | 'cache-' = ''): FileRules {
  const [size, files, compress] = ['max-size', 'max-file', 'compress'].map((name) => options[`${prefix}${name}`]);
  const rules = {
    maxSize: size === undefined ? 20 * 1024 * 1024 : named(() => goSize(size, 1000), `invalid value for ${prefix}max-size: ${size}: `),
    maxFile: files === undefined ? 5 : named(() => whole(files), `invalid value for ${prefix}max-file: ${files}: `),
    compress: compress === undefined ? true : named(() => goBool(compress), 'error reading compress log option: '),
  };
  if (rules.maxFile < 0) throw invalidArgument('max file count cannot be less than 0');
  if (rules.compress && rules.maxFile <= 1) throw invalidArgument('compression cannot be enabled when max file count is 1');
  return rules;
}

function whole(text: string): number {
  const value = goInt(text);
  if (value === undefined) throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}
