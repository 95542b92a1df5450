import { errorText, GantryError, isError, isGantryError, type ErrorKind } from '@gantry/rpc/errors';
import type { PackedError } from './operations';

export function packError(error: unknown): PackedError {
  const code = isError(error) ? (error as { code?: unknown }).code : undefined;
  return {
    kind: isGantryError(error) ? error.kind : undefined,
    message: isError(error) ? error.message : errorText(error),
    meta: isGantryError(error) ? error.meta : {},
    code: typeof code === 'string' ? code : undefined,
  };
}

/** What was thrown in the other process: its kind, or a failure of the system, with its code. */
export function unpackError({ kind, message, meta, code }: PackedError): Error {
  const error = kind === undefined ? new Error(message) : new GantryError(kind as ErrorKind, message, { meta });
  return code === undefined ? error : Object.assign(error, { code });
}
