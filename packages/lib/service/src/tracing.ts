import type { Logger } from '@gantry/rpc';
import type { Tracer } from '@opentelemetry/api';
import type { CommonConfig } from './config';

export interface Tracing {
  /** Absent when nothing is exported: ids are then made and passed on without the SDK. */
  readonly tracer?: Tracer;
  stop(): Promise<void>;
}

/** The OpenTelemetry SDK is loaded only when an endpoint is configured: it costs megabytes that an idle service should not pay. */
export async function startTracing(
  config: CommonConfig['tracing'],
  service: { readonly name: string; readonly version: string; readonly logger: Logger },
): Promise<Tracing> {
  if (config.endpoint === '') return { stop: async () => undefined };
  const [{ BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler }, { OtlpExporter }] = await Promise.all([
    import('@opentelemetry/sdk-trace-base'),
    import('./otlp-exporter'),
  ]);
  const exporter = new OtlpExporter(config.endpoint, service);
  const provider = new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config['sample-ratio']) }),
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 1000 })],
  });
  return { tracer: provider.getTracer(service.name, service.version), stop: () => provider.shutdown() };
}
