/**
 * Every failure that crosses a package's door is one of these kinds. Which gRPC code and HTTP status a kind has is said once, in
 * `errorTable`. Several kinds share gRPC code 9, so the kind itself travels too (see status.ts).
 */
export type ErrorKind =
  | 'notFound'
  | 'invalidArgument'
  | 'alreadyExists'
  | 'conflict'
  | 'failedPrecondition'
  | 'aborted'
  | 'unauthorized'
  | 'forbidden'
  | 'unavailable'
  | 'notModified'
  | 'notImplemented'
  | 'deadlineExceeded'
  | 'cancelled'
  | 'resourceExhausted'
  | 'dataLoss'
  | 'outOfRange'
  | 'internal'
  | 'unknown';

/** Kind → gRPC code (numbers of google.rpc.Code) and HTTP status (what dockerd answers for the same class of failure). */
export const errorTable = {
  notFound: { grpc: 5, http: 404 },
  invalidArgument: { grpc: 3, http: 400 },
  alreadyExists: { grpc: 6, http: 409 },
  conflict: { grpc: 9, http: 409 },
  failedPrecondition: { grpc: 9, http: 409 },
  aborted: { grpc: 10, http: 409 },
  unauthorized: { grpc: 16, http: 401 },
  forbidden: { grpc: 7, http: 403 },
  unavailable: { grpc: 14, http: 503 },
  notModified: { grpc: 9, http: 304 },
  notImplemented: { grpc: 12, http: 501 },
  deadlineExceeded: { grpc: 4, http: 504 },
  cancelled: { grpc: 1, http: 499 },
  resourceExhausted: { grpc: 8, http: 429 },
  dataLoss: { grpc: 15, http: 500 },
  outOfRange: { grpc: 11, http: 400 },
  internal: { grpc: 13, http: 500 },
  unknown: { grpc: 2, http: 500 },
} as const satisfies Record<ErrorKind, { readonly grpc: number; readonly http: number }>;

/** Small facts for machines (an exit code, an id); they travel with the error over gRPC. */
export type ErrorMeta = Readonly<Record<string, string | number | boolean>>;

export interface ErrorOptions {
  readonly cause?: unknown;
  readonly meta?: ErrorMeta;
}

const brand = Symbol.for('gantry.error');

/**
 * The one error class. Messages are lower case and name the offending id or path. Told by a symbol brand, so that two copies of this
 * module (two bundles in one process) recognise each other's errors: use `isGantryError`, never instanceof.
 */
export class GantryError extends Error {
  readonly kind: ErrorKind;
  readonly meta: ErrorMeta;

  constructor(kind: ErrorKind, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GantryError';
    this.kind = kind;
    this.meta = options.meta ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
}

export function isGantryError(error: unknown): error is GantryError {
  return typeof error === 'object' && error !== null && (error as { [brand]?: boolean })[brand] === true;
}

/** An error of any realm: instanceof fails for those that Node's own code makes under a test runner. */
export const isError = (Error as unknown as { isError(value: unknown): value is Error }).isError;

/** True when the error is one of ours and of one of these kinds. */
export function isErrorOf(error: unknown, ...kinds: ErrorKind[]): error is GantryError {
  return isGantryError(error) && kinds.includes(error.kind);
}

/** HTTP status of any thrown value; what is not ours is 500. */
export function httpStatus(error: unknown): number {
  return isGantryError(error) ? errorTable[error.kind].http : 500;
}

/** Any thrown value as a GantryError: ours unchanged, an abort as cancelled, the rest as internal with the cause kept. */
export function asGantryError(error: unknown): GantryError {
  if (isGantryError(error)) return error;
  if (isError(error) && error.name === 'AbortError')
    return isGantryError(error.cause) ? error.cause : cancelled(error.message, { cause: error });
  if (isError(error) && error.name === 'TimeoutError') return deadlineExceeded(error.message, { cause: error });
  return internal(isError(error) ? error.message : String(error), { cause: error });
}

/** The same failure with words before its message; of another kind when one is given. */
export function prefixed(error: unknown, words: string, kind?: ErrorKind): GantryError {
  const failure = asGantryError(error);
  return new GantryError(kind ?? failure.kind, `${words}: ${failure.message}`, { cause: error, meta: failure.meta });
}

/** The text of an error with its causes, for logs and for messages that must show why: `a: b: c`. */
export function errorText(error: unknown): string {
  if (!isError(error)) return String(error);
  if (error.cause === undefined || error.cause === error) return error.message;
  const cause = errorText(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

type Maker = (message: string, options?: ErrorOptions) => GantryError;
const maker =
  (kind: ErrorKind): Maker =>
  (message, options) =>
    new GantryError(kind, message, options);

export const notFound = maker('notFound');
export const invalidArgument = maker('invalidArgument');
export const alreadyExists = maker('alreadyExists');
/** The object's present state, or another holder, stands against the request. */
export const conflict = maker('conflict');
export const failedPrecondition = maker('failedPrecondition');
export const aborted = maker('aborted');
/** The caller did not say who it is. */
export const unauthorized = maker('unauthorized');
/** The caller may not. */
export const forbidden = maker('forbidden');
export const unavailable = maker('unavailable');
/** The wished state holds already (HTTP 304: start of a running container). */
export const notModified = maker('notModified');
export const notImplemented = maker('notImplemented');
export const deadlineExceeded = maker('deadlineExceeded');
export const cancelled = maker('cancelled');
export const resourceExhausted = maker('resourceExhausted');
export const dataLoss = maker('dataLoss');
export const outOfRange = maker('outOfRange');
export const internal = maker('internal');
