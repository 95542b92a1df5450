import type { BlobOptions } from '../ref';

/** What the bytes of a blob hang on, in words; the convention of media types is none of it. */
export function howOf({ compression, level, latestTime }: Pick<BlobOptions, 'compression' | 'level' | 'latestTime'>): string {
  return [compression, level === undefined ? '' : `level=${level}`, latestTime === undefined ? '' : `latest=${latestTime}`]
    .filter((word) => word !== '')
    .join(' ');
}
