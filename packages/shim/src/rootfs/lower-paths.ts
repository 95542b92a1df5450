import { dirname, posix } from 'node:path';

/** mount(2) copies one page of data at most, its closing zero included. */
export const MOUNT_DATA_MAX = 4095;

export interface RelativeData {
  /** Directory in which the paths of `data` are relative. */
  readonly directory: string;
  readonly data: string;
}

/**
 * Overlay data with many layers, made to fit into one page: the lower directories become relative to what they have in common. upperdir and
 * workdir stay absolute. Undefined when the data has no lowerdir with a common directory.
 */
export function relativeLower(data: string): RelativeData | undefined {
  const parts = data.split(',');
  const at = parts.findIndex((part) => part.startsWith('lowerdir='));
  const lower = parts[at]?.slice('lowerdir='.length).split(':') ?? [];
  if (lower.length < 2 || lower.some((path) => !path.startsWith('/') || path.includes('\\'))) return undefined;
  let directory = dirname(lower[0] ?? '/');
  while (!lower.every((path) => path.startsWith(directory === '/' ? '/' : `${directory}/`))) directory = dirname(directory);
  parts[at] = `lowerdir=${lower.map((path) => posix.relative(directory, path)).join(':')}`;
  return { directory, data: parts.join(',') };
}
