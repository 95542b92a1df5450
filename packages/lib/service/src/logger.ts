import { currentCall, parseTraceparent } from '@gantry/rpc';
import pino, { type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './config';

export interface LoggerOptions {
  readonly service: string;
  readonly version: string;
  readonly level: LogLevel;
  /** Default: stderr, written synchronously, so that the last words before an exit are never lost. */
  readonly destination?: DestinationStream;
}

/** JSON lines; each line written on behalf of a call carries its trace_id, span_id and, when given, operation_id. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, version: options.version },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: callFields,
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

function callFields(): object {
  const call = currentCall();
  const trace = parseTraceparent(call?.traceparent);
  if (call === undefined || trace === undefined) return {};
  return { trace_id: trace.traceId, span_id: trace.spanId, ...(call.operationId === '' ? {} : { operation_id: call.operationId }) };
}
