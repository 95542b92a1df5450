import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { BlobOptions } from '../refs/ref';

/** As Go's strconv.ParseBool; nothing stands for true. */
export function booleanOf(key: string, value: string): boolean {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalidArgument(`non-bool value specified for ${key}: "${value}"`);
}

/** Seconds since 1970, said wrongly as Go's strconv.ParseInt says it. */
export function epochOf(key: string, value: string): number {
  if (/^[+-]?\d{1,15}$/.test(value)) return Number(value);
  const reason = `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw invalidArgument(`invalid ${key}: ${reason}: ${reason}`);
}

export function integerOf(key: string, value: string): number {
  if (!/^-?\d{1,15}$/.test(value)) throw invalidArgument(`non-integer value ${value} specified for ${key}`);
  return Number(value);
}

/** How layers are packed, which an exporter and a cache are told alike. */
export function compressionOf(value: string): BlobOptions['compression'] {
  if (value === 'uncompressed' || value === 'gzip' || value === 'zstd') return value;
  if (value === 'estargz')
    throw notImplemented(
      'compression estargz is not supported: no library here writes it, and no snapshotter pulls it lazily; gzip and zstd are',
    );
  throw invalidArgument(`unsupported compression type ${value}`);
}
