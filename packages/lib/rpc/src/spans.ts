import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { type CallContext, derive, runInCall } from './context';
import { errorText, isError } from './errors';
import { childTrace, formatTraceparent, parseTraceparent } from './traceparent';

interface OpenSpan {
  readonly ctx: CallContext;
  /** Ends the span, with the failure if there was one. */
  end(failure?: unknown): void;
}

/** Opens a span below the context's traceparent. Without a tracer only a new span id is made, so that ids in logs still join up. */
export function openSpan(
  ctx: CallContext,
  name: string,
  kind: SpanKind = SpanKind.INTERNAL,
  tracer: Tracer | undefined = ctx.tracer,
): OpenSpan {
  const parent = parseTraceparent(ctx.traceparent);
  if (tracer === undefined) return { ctx: derive(ctx, { traceparent: formatTraceparent(childTrace(parent)) }), end: () => undefined };
  const above =
    parent === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, { traceId: parent.traceId, spanId: parent.spanId, traceFlags: parent.flags, isRemote: true });
  const span = tracer.startSpan(name, { kind }, above);
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    ctx: derive(ctx, { tracer, traceparent: formatTraceparent({ traceId, spanId, flags: traceFlags }) }),
    end: (failure) => finish(span, failure),
  };
}

function finish(span: Span, failure: unknown): void {
  if (failure !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(failure) });
    span.recordException(isError(failure) ? failure : String(failure));
  }
  span.end();
}

/** Runs a step of a call in a span of its own. */
export async function inSpan<T>(ctx: CallContext, name: string, step: (ctx: CallContext) => Promise<T>): Promise<T> {
  const span = openSpan(ctx, name);
  try {
    const result = await runInCall(span.ctx, () => step(span.ctx));
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}
