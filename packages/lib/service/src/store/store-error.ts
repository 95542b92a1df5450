import { accessSync, constants, utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { dataLoss, failedPrecondition, type GantryError, internal, isError } from '@gantry/rpc/errors';

/** Result codes of SQLite (sqlite.org/rescode.html), without the extension in the upper bits. */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/** Set in the meta of errors that go on until a person has done something: a service that ends with one is not started again by itself. */
export const UNUSABLE = { unusable: true } as const;

const remedy = (path: string): string =>
  `nothing was changed; put a copy of it back, or move ${dirname(path)} away to begin anew without what it holds`;

/** The database says things that cannot be. */
export const damaged = (path: string, what: string, cause?: unknown): GantryError =>
  dataLoss(`database ${path} is damaged (${what}): ${remedy(path)}`, { cause, meta: UNUSABLE });

/** Somebody who could have put anything in it owns it, or it is no file at all. */
export const foreign = (path: string, what: string): GantryError => failedPrecondition(`${path} ${what}`, { meta: UNUSABLE });

/** What SQLite threw as an error that names the file and the kernel's reason; other values as they are. */
export function storeError(error: unknown, path: string): unknown {
  if (!isError(error) || (error as { code?: unknown }).code !== 'ERR_SQLITE_ERROR') return error;
  const code = Number((error as { errcode?: unknown }).errcode) & 0xff;
  switch (code) {
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return damaged(path, error.message, error);
    case SQLITE.BUSY:
      return failedPrecondition(`database ${path} is locked by another process`, { cause: error });
    case SQLITE.READONLY:
    case SQLITE.IOERR:
    case SQLITE.CANTOPEN:
      return internal(`database ${path} cannot be changed: ${refusal(path) ?? error.message}`, { cause: error });
    case SQLITE.FULL:
      return internal(`database ${path}: ${error.message}`, { cause: error });
    default:
      return error;
  }
}

/** Why the kernel does not let the file or its folder be written: asked again, because SQLite does not tell. */
function refusal(path: string): string | undefined {
  for (const place of [path, dirname(path)]) {
    try {
      accessSync(place, constants.W_OK);
      const now = new Date();
      utimesSync(place, now, now);
    } catch (error) {
      if (isError(error) && (error as NodeJS.ErrnoException).code !== 'ENOENT') return error.message;
    }
  }
  return undefined;
}
