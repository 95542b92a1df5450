import { Metadata, type ServiceError, status as Code, type StatusObject } from '@grpc/grpc-js';
import { decodeDetails, encodeDetails, withDetail } from './error-details';
import { asGantryError, type ErrorKind, type ErrorMeta, errorTable, GantryError, isError, isGantryError } from './errors';
import { ERROR_DETAILS_KEY, ERROR_KIND_KEY, ERROR_META_KEY } from './metadata-names';

/** HTTP/2 header blocks are bounded, and a message is percent-encoded into one: longer messages are cut. */
const MESSAGE_LIMIT = 2000;
const META_LIMIT = 4096;

/** What goes over the wire for a thrown value: code, message, and as trailers the kind, the meta and the details. */
export function toStatus(thrown: unknown): StatusObject {
  const error = asGantryError(thrown);
  const metadata = new Metadata();
  metadata.set(ERROR_KIND_KEY, error.kind);
  const meta = Buffer.from(JSON.stringify(error.meta));
  if (meta.length > 2 && meta.length <= META_LIMIT) metadata.set(ERROR_META_KEY, meta);
  const details = error.message.length > MESSAGE_LIMIT ? `${error.message.slice(0, MESSAGE_LIMIT)}…` : error.message;
  const code = errorTable[error.kind].grpc;
  const typed = encodeDetails(code, details, thrown);
  if (typed !== undefined) metadata.set(ERROR_DETAILS_KEY, typed);
  return { code, details, metadata };
}

/** gRPC codes of servers that know nothing of our kinds. Code 9 alone is read as a failed precondition. */
const kindOfCode: Readonly<Record<number, ErrorKind>> = {
  [Code.CANCELLED]: 'cancelled',
  [Code.UNKNOWN]: 'unknown',
  [Code.INVALID_ARGUMENT]: 'invalidArgument',
  [Code.DEADLINE_EXCEEDED]: 'deadlineExceeded',
  [Code.NOT_FOUND]: 'notFound',
  [Code.ALREADY_EXISTS]: 'alreadyExists',
  [Code.PERMISSION_DENIED]: 'forbidden',
  [Code.RESOURCE_EXHAUSTED]: 'resourceExhausted',
  [Code.FAILED_PRECONDITION]: 'failedPrecondition',
  [Code.ABORTED]: 'aborted',
  [Code.OUT_OF_RANGE]: 'outOfRange',
  [Code.UNIMPLEMENTED]: 'notImplemented',
  [Code.INTERNAL]: 'internal',
  [Code.UNAVAILABLE]: 'unavailable',
  [Code.DATA_LOSS]: 'dataLoss',
  [Code.UNAUTHENTICATED]: 'unauthorized',
};

/** Our kind of a gRPC code that came without one; `unknown` for a code that is none. */
export const kindOfGrpcCode = (code: number): ErrorKind => kindOfCode[code] ?? 'unknown';

/** A gRPC client's error as ours: kind from the trailer when the server is one of us, else from the code. */
export function fromServiceError(error: unknown): GantryError {
  if (isGantryError(error) || !isServiceError(error)) return asGantryError(error);
  const named = error.metadata?.get(ERROR_KIND_KEY)[0];
  const kind = typeof named === 'string' && Object.hasOwn(errorTable, named) ? (named as ErrorKind) : kindOfGrpcCode(error.code);
  const made = new GantryError(kind, error.details, { cause: error, meta: readMeta(error.metadata) });
  const typed = error.metadata?.get(ERROR_DETAILS_KEY)[0];
  if (Buffer.isBuffer(typed)) for (const detail of decodeDetails(typed)) withDetail(made, detail);
  return made;
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    isError(error) &&
    typeof (error as Partial<ServiceError>).code === 'number' &&
    typeof (error as Partial<ServiceError>).details === 'string'
  );
}

function readMeta(metadata: Metadata | undefined): ErrorMeta {
  const raw = metadata?.get(ERROR_META_KEY)[0];
  if (!Buffer.isBuffer(raw)) return {};
  try {
    const value: unknown = JSON.parse(raw.toString());
    return typeof value === 'object' && value !== null ? (value as ErrorMeta) : {};
  } catch {
    return {}; // a foreign server may use the same key for its own purpose
  }
}
