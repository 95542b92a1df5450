import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { invalidArgument } from './errors';

/** sun_path of unix(7) holds 108 bytes with the closing zero; Node cuts a longer path silently and binds another name. */
export const SOCKET_PATH_LIMIT = 107;

/** The path itself when it fits; invalidArgument when it does not or is not absolute. */
export function checkSocketPath(path: string): string {
  if (!path.startsWith('/')) throw invalidArgument(`socket path "${path}" is not absolute`);
  if (path.includes('\0')) throw invalidArgument(`socket path ${JSON.stringify(path)} holds a zero byte`);
  const length = Buffer.byteLength(path);
  if (length > SOCKET_PATH_LIMIT)
    throw invalidArgument(`socket path "${path}" has ${length} bytes, more than the ${SOCKET_PATH_LIMIT} that a unix socket may have`);
  return path;
}

/** `<run root>/s/<16 hex>`: short whatever the id, the same for the same id. The directory must exist, mode 0700. */
export function shortSocketPath(runRoot: string, id: string): string {
  return checkSocketPath(join(runRoot, 's', createHash('sha256').update(id).digest('hex').slice(0, 16)));
}
