import type { ExportTraceServiceRequest } from '@gantry/api/opentelemetry/proto/collector/trace/v1/trace_service';
import type { KeyValue } from '@gantry/api/opentelemetry/proto/common/v1/common';
import type { Span } from '@gantry/api/opentelemetry/proto/trace/v1/trace';

/** A span, and who made it. */
export interface RecordedSpan {
  readonly span: Span;
  readonly resource: readonly KeyValue[];
  readonly scope: { readonly name: string; readonly version: string; readonly schemaUrl: string };
}

/** The spans that a client sends. */
export function sentSpans({ resourceSpans }: ExportTraceServiceRequest): RecordedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans, schemaUrl }) =>
      spans.map((span) => ({
        span,
        resource: resource?.attributes ?? [],
        scope: { name: scope?.name ?? '', version: scope?.version ?? '', schemaUrl },
      })),
    ),
  );
}
