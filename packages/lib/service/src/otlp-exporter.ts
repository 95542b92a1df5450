import type { AttributeValue, Attributes, HrTime } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { errorText, isError, type Logger } from '@gantry/rpc';

interface Origin {
  readonly name: string;
  readonly version: string;
  readonly logger: Logger;
}

/**
 * Sends spans as OTLP over HTTP in its JSON form (https://opentelemetry.io/docs/specs/otlp/): one POST to <endpoint>/v1/traces. A collector
 * that is down costs one warning and the spans, never a call.
 */
export class OtlpExporter implements SpanExporter {
  private readonly url: string;
  private warned = false;

  constructor(
    endpoint: string,
    private readonly origin: Origin,
  ) {
    this.url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  }

  export(spans: ReadableSpan[], done: (result: { code: number; error?: Error }) => void): void {
    this.post(spans).then(
      () => {
        this.warned = false;
        done({ code: 0 });
      },
      (error: unknown) => {
        if (!this.warned) this.origin.logger.warn({ endpoint: this.url }, `spans are lost: ${errorText(error)}`);
        this.warned = true;
        done({ code: 1, error: isError(error) ? error : new Error(String(error)) });
      },
    );
  }

  async shutdown(): Promise<void> {
    await Promise.resolve();
  }

  private async post(spans: ReadableSpan[]): Promise<void> {
    const resource = { attributes: attributesOf({ 'service.name': this.origin.name, 'service.version': this.origin.version }) };
    const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: this.origin.name }, spans: spans.map(spanOf) }] }] };
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${this.url} answered ${response.status}`);
  }
}

const nanos = ([seconds, rest]: HrTime): string => String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));

function spanOf(span: ReadableSpan): object {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    ...(span.parentSpanContext === undefined ? {} : { parentSpanId: span.parentSpanContext.spanId }),
    name: span.name,
    kind: span.kind + 1, // OTLP counts from 1, the API from 0
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    attributes: attributesOf(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      timeUnixNano: nanos(event.time),
      attributes: attributesOf(event.attributes ?? {}),
    })),
    status: { code: span.status.code, ...(span.status.message === undefined ? {} : { message: span.status.message }) },
  };
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: valueOf(value) }]));
}

function valueOf(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: (value as AttributeValue[]).filter((item) => item !== null && item !== undefined).map(valueOf) } };
}
