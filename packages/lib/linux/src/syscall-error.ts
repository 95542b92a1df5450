import { constants } from 'node:os';
import { GantryError, isError } from '@gantry/rpc/errors';

/** Two names share a number in places; the last entries win: Node's own errors say EAGAIN and ENOTSUP. */
const names = new Map<number, string>(
  [...Object.entries(constants.errno), ['EAGAIN', constants.errno.EAGAIN] as const, ['ENOTSUP', constants.errno.ENOTSUP] as const].map(
    ([name, value]) => [value, name],
  ),
);

/** Symbolic name of an errno, e.g. ENOENT. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/**
 * A system call that failed. Its kind is internal: only the caller knows whether a missing file is the user's mistake; tell them apart by
 * `code`, as with Node's own errors.
 */
export class SyscallError extends GantryError {
  readonly code: string;

  constructor(
    readonly errno: number,
    readonly syscall: string,
    readonly path?: string,
  ) {
    const code = errnoName(errno);
    super('internal', `${syscall}${path === undefined ? '' : ` ${path}`}: ${code}`, { meta: { errno, code, syscall } });
    this.name = 'SyscallError';
    this.code = code;
  }
}

/** True for a failed call (ours or Node's) with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return isError(error) && codes.includes((error as { code?: string }).code ?? '');
}
