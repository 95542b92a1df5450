export type { CallContext, ContextChange } from './context';
export {
  currentCall,
  derive,
  detached,
  newContext,
  runInCall,
  suboperation,
  toMetadata,
  traceIdOf,
  withDeadline,
  withTimeout,
} from './context';
export type { Connection, ConnectOptions, StreamConnection } from './client';
export { connect, connectStream } from './client';
export { drained } from './drained';
export type { ErrorDetail } from './error-details';
export { detailsOf, withDetail } from './error-details';
export type { ErrorKind, ErrorMeta, ErrorOptions } from './errors';
export {
  aborted,
  alreadyExists,
  asGantryError,
  cancelled,
  conflict,
  dataLoss,
  deadlineExceeded,
  errorTable,
  errorText,
  failedPrecondition,
  forbidden,
  GantryError,
  httpStatus,
  internal,
  invalidArgument,
  isError,
  isErrorOf,
  isGantryError,
  notFound,
  notImplemented,
  notModified,
  outOfRange,
  prefixed,
  resourceExhausted,
  unauthorized,
  unavailable,
} from './errors';
export { forwardService } from './forward';
export { BACKLOG } from './backlog';
export type { HeldSocket } from './held-sockets';
export { adoptSockets, takeHeldSocket, takeHeldSockets } from './held-sockets';
export { formatGoDuration, parseGoDuration } from './go-duration';
export { ignore } from './ignore';
export type { Logger, LogFn } from './logger';
export { silentLogger } from './logger';
export type { MarkedBlock } from './marked-blocks';
export { blockHead, markedBlocks } from './marked-blocks';
export { MAX_MESSAGE_BYTES } from './message-limit';
export {
  DEFAULT_NAMESPACE,
  ERROR_KIND_KEY,
  ERROR_META_KEY,
  LEASE_KEY,
  NAMESPACE_KEY,
  OPERATION_KEY,
  TRACEPARENT_KEY,
} from './metadata-names';
export type { CallObserver, FinishedCall } from './observer';
export type { Listen, ListenPlace } from './private-socket';
export { isListenedAt, publishSocket, removeStaleSocket, retractSocket } from './private-socket';
export type { AddOptions, RpcServer, ServerOptions } from './server';
export { createServer } from './server';
export type { CallOptions, Handlers, ResponseStream, Send, ServiceClient } from './service-shape';
export { serviceName } from './service-shape';
export { checkSocketPath, shortSocketPath, SOCKET_PATH_LIMIT } from './short-socket';
export { inSpan, openSpan } from './spans';
export { spent } from './spent';
export { fromServiceError, kindOfGrpcCode, toStatus } from './status';
export type { BrokerOptions, StreamHandler, StreamTicket } from './stream-ticket';
export { bringTicket, openTicket, StreamBroker, ticketOutcome } from './stream-ticket';
export type { Timer, TimerOptions } from './timer';
export { after, every, pause } from './timer';
export type { TraceParent } from './traceparent';
export { childTrace, formatTraceparent, parseTraceparent } from './traceparent';
export { socketOfAddress } from './ttrpc/address';
export type { TtrpcConnection } from './ttrpc/client';
export { connectTtrpc } from './ttrpc/client';
export { TTRPC_MAX_MESSAGE_BYTES } from './ttrpc/frame';
export type { TtrpcServer } from './ttrpc/server';
export { createTtrpcServer } from './ttrpc/server';
