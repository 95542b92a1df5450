import { Status } from '@gantry/api/google/rpc/status';
import { asGantryError, type GantryError, isError } from './errors';

/** A typed fact about a failure, for clients that know its type: an entry of google.rpc.Status.details. */
export interface ErrorDetail {
  /** e.g. `github.com/moby/buildkit/errdefs.Source+json`. */
  readonly typeUrl: string;
  readonly value: Buffer;
}

const held = new WeakMap<Error, readonly ErrorDetail[]>();

/** Header blocks are bounded, and details travel in one: those that do not fit any more are left out. */
const DETAILS_LIMIT = 40 * 1024;

/** Adds a detail to a failure. It stays with the error when that becomes the cause of another one. */
export function withDetail(thrown: unknown, detail: ErrorDetail): GantryError {
  const error = asGantryError(thrown);
  held.set(error, [...(held.get(error) ?? []), detail]);
  return error;
}

/** The details of an error and of its causes, those of the causes first. */
export function detailsOf(thrown: unknown): readonly ErrorDetail[] {
  const found: ErrorDetail[] = [];
  for (let error = thrown; isError(error); error = error.cause) {
    found.unshift(...(held.get(error) ?? []));
    if (error.cause === error) break;
  }
  return found;
}

/** The status with its details as the trailer `grpc-status-details-bin` carries it; undefined where there are none. */
export function encodeDetails(code: number, message: string, thrown: unknown): Buffer | undefined {
  const details: { typeUrl: string; value: Buffer }[] = [];
  let room = DETAILS_LIMIT;
  for (const { typeUrl, value } of detailsOf(thrown)) {
    const size = typeUrl.length + value.length;
    if (size > room) continue;
    room -= size;
    details.push({ typeUrl, value });
  }
  return details.length === 0 ? undefined : Buffer.from(Status.encode({ code, message, details }).finish());
}

/** Details that came with a status; none where the trailer holds something else. */
export function decodeDetails(trailer: Buffer): readonly ErrorDetail[] {
  try {
    return Status.decode(trailer).details.map(({ typeUrl, value }) => ({ typeUrl, value }));
  } catch {
    return []; // a foreign server's trailer is not worth a second failure
  }
}
