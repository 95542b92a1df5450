import type { TraceServiceService } from '@gantry/api/opentelemetry/proto/collector/trace/v1/trace_service';
import type { Handlers } from '@gantry/rpc';
import { sentSpans } from '../traces/recorded';
import type { TraceStore } from '../traces/trace-store';

/** OTLP's TraceService: clients send the spans of their own parts of builds, for the records of these. */
export const traceHandlers = (traces: Pick<TraceStore, 'take'>): Handlers<typeof TraceServiceService> => ({
  export: (_ctx, request) => {
    const rejected = traces.take(sentSpans(request));
    if (rejected === 0) return Promise.resolve({ partialSuccess: undefined });
    return Promise.resolve({
      partialSuccess: { rejectedSpans: BigInt(rejected), errorMessage: 'the trace is too large, or its ids are none' },
    });
  },
});
