import { BuildHistoryRecord } from '@gantry/api/moby/buildkit/v1/control';
import { ExportTraceServiceRequest } from '@gantry/api/opentelemetry/proto/collector/trace/v1/trace_service';
import { newContext } from '@gantry/rpc';
import { JobProgress } from '../progress/job-progress';
import { buildSpan, buildSpans } from './build-spans';
import { sentSpans } from './recorded';
import { stubs } from './stub';
import { TraceStore } from './trace-store';

const TRACE = 'ab'.repeat(16);
const sent = (change: object = {}, spans = 1) =>
  sentSpans(
    ExportTraceServiceRequest.fromPartial({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'buildx' } }] },
          scopeSpans: [
            {
              scope: { name: 'cli', version: '1' },
              spans: Array.from({ length: spans }, (_, at) => ({
                traceId: Buffer.from(TRACE, 'hex'),
                spanId: Buffer.alloc(8, at + 1),
                name: `span ${at}`,
                kind: 3,
                ...change,
              })),
            },
          ],
        },
      ],
    }),
  );
const parse = (bytes: Buffer): Record<string, unknown>[] =>
  bytes
    .toString()
    .split(/(?<=^\})\n/m)
    .filter(Boolean)
    .map((each) => JSON.parse(each) as Record<string, unknown>);

describe('spans that clients send', () => {
  let now = 0;
  const store = (limits = { trace: 1000, all: 2000 }) => new TraceStore(limits, () => now);

  test('those of a trace that a build listens to are kept, also those that came before; without a listener they go after a minute', () => {
    const traces = store();
    expect(traces.take(sent({}, 2))).toBe(0);
    now += 59_000;
    const listener = traces.listen(TRACE);
    now += 3_600_000;
    traces.take(sent());
    expect(listener.spans().map(({ span }) => span.name)).toEqual(['span 0', 'span 1', 'span 0']);
    listener.end();
    expect(traces.listen(TRACE).spans()).toEqual([]);
    traces.take(sent({ traceId: Buffer.alloc(16, 3) }));
    now += 61_000;
    expect(traces.listen('03'.repeat(16)).spans()).toEqual([]);
  });

  test('two builds of one trace: what one has ended the other still has', () => {
    const traces = store();
    const [first, second] = [traces.listen(TRACE), traces.listen(TRACE)];
    traces.take(sent());
    first.end();
    first.end();
    expect(second.spans()).toHaveLength(1);
  });

  test('there is an end to what is kept: of a trace, and of all, where the oldest that no build wants go', () => {
    const traces = store();
    expect(traces.take(sent({ name: 'x'.repeat(600) }, 2))).toBe(1);
    const listener = traces.listen(TRACE);
    const other = (fill: number): number => traces.take(sent({ traceId: Buffer.alloc(16, fill), name: 'x'.repeat(900) }));
    expect([other(1), other(2), other(3)]).toEqual([0, 0, 0]);
    expect([listener.spans().length, traces.listen('01'.repeat(16)).spans().length, traces.listen('03'.repeat(16)).spans().length]).toEqual(
      [1, 0, 1],
    );
    expect(other(4)).toBe(1);
  });

  test('ids that are none are refused', () => {
    expect(store().take([...sent({ traceId: Buffer.alloc(3) }), ...sent({ spanId: Buffer.alloc(0) })])).toBe(2);
  });
});

test('a span as it is kept: Go’s names and codes, every kind of value', () => {
  const value = (key: string, own: object) => ({ key, value: own });
  const [span] = parse(
    stubs(
      sent({
        parentSpanId: Buffer.alloc(8, 9),
        startTimeUnixNano: 1_700_000_000_000_000_001n,
        endTimeUnixNano: 1_700_000_001_500_000_000n,
        status: { code: 2, message: 'it broke' },
        events: [{ name: 'e', timeUnixNano: 1n, attributes: [] }],
        links: [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) }],
        attributes: [
          value('s', { stringValue: 't' }),
          value('b', { boolValue: true }),
          value('i', { intValue: 1n << 62n }),
          value('d', { doubleValue: 1.5 }),
          value('n', { doubleValue: NaN }),
          value('a', { arrayValue: { values: [{ intValue: 1n }, { stringValue: 'x' }] } }),
          value('m', { kvlistValue: { values: [value('k', { boolValue: false })] } }),
          value('y', { bytesValue: Buffer.from('hi') }),
          value('none', {}),
        ],
      }),
    ),
  );
  expect(span).toMatchObject({
    Name: 'span 0',
    SpanContext: { TraceID: TRACE, SpanID: '01'.repeat(8), TraceFlags: '01', Remote: false },
    Parent: { TraceID: TRACE, SpanID: '09'.repeat(8) },
    SpanKind: 3,
    StartTime: '2023-11-14T22:13:20.000000001Z',
    EndTime: '2023-11-14T22:13:21.500000000Z',
    Status: { Code: 1, Description: 'it broke' },
    Events: [{ Name: 'e', Time: '1970-01-01T00:00:00.000000001Z' }],
    Links: [{ SpanContext: { TraceID: '01'.repeat(16), SpanID: '02'.repeat(8) } }],
    Resource: [{ Key: 'service.name', Value: { Type: 'STRING', Value: 'buildx' } }],
    InstrumentationLibrary: { Name: 'cli', Version: '1' },
  });
  expect(
    (span?.['Attributes'] as { Key: string; Value: { Type: string; Value: unknown } }[]).map(({ Key, Value }) => [
      Key,
      Value.Type,
      Value.Value,
    ]),
  ).toEqual([
    ['s', 'STRING', 't'],
    ['b', 'BOOL', true],
    ['i', 'INT64', 2 ** 62],
    ['d', 'FLOAT64', 1.5],
    ['n', 'STRING', 'NaN'],
    ['a', 'STRINGSLICE', ['1', 'x']],
    ['m', 'STRING', '{"k":false}'],
    ['y', 'STRING', 'aGk='],
  ]);
});

test('the spans of a build: the call below its client’s span, its steps below it, what they told below them', async () => {
  const progress = new JobProgress();
  const [one, two] = [
    { seconds: 1n, nanos: 5 },
    { seconds: 2n, nanos: 0 },
  ];
  const vertex = { inputs: [], cached: false, error: '', progressGroup: undefined };
  progress.vertex({ ...vertex, digest: 'sha256:1', name: 'never begun', started: undefined, completed: undefined });
  progress.vertex({ ...vertex, digest: 'sha256:2', name: 'RUN false', started: one, completed: two, error: 'exit code 1' });
  progress.status({ ID: 'extracting', vertex: 'sha256:2', name: '', current: 0n, total: 0n, timestamp: one, started: one, completed: two });
  progress.close();
  const ctx = newContext({
    traceparent: `00-${TRACE}-${'01'.repeat(8)}-01`,
    sent: (key) => (key === 'traceparent' ? [`00-${TRACE}-${'02'.repeat(8)}-01`] : []),
  });
  const record = BuildHistoryRecord.fromPartial({ CreatedAt: one, CompletedAt: two, error: { code: 2, message: 'it broke' } });
  const spans = parse(stubs(await buildSpans(buildSpan(ctx), record, progress)));
  const [solve, run, status] = spans as { SpanContext: { SpanID: string } }[];
  expect(
    spans.map((each) => [each['Name'], each['SpanKind'], (each['Parent'] as { SpanID: string }).SpanID, each['ChildSpanCount']]),
  ).toEqual([
    ['moby.buildkit.v1.Control/Solve', 2, '02'.repeat(8), 1],
    ['RUN false', 1, solve?.SpanContext.SpanID, 1],
    ['extracting', 1, run?.SpanContext.SpanID, 0],
  ]);
  expect(solve).toMatchObject({ SpanContext: { TraceID: TRACE, SpanID: '01'.repeat(8) }, Status: { Code: 1, Description: 'it broke' } });
  expect(run).toMatchObject({ StartTime: '1970-01-01T00:00:01.000000005Z', Status: { Code: 1, Description: 'exit code 1' } });
  expect(status).toMatchObject({ EndTime: '1970-01-01T00:00:02.000000000Z', Resource: [{ Key: 'service.name' }] });
  const lone = buildSpan(newContext());
  expect(lone).toMatchObject({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string, parentSpanId: '' });
});
