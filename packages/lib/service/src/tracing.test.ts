import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inSpan, newContext, notFound, openSpan, parseTraceparent, silentLogger } from '@gantry/rpc';
import { startTracing } from './tracing';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly status: { code: number; message?: string };
}

test('spans join up over calls and reach a collector', async () => {
  const posts: { url: string; body: { resourceSpans: { resource: { attributes: unknown }; scopeSpans: { spans: Span[] }[] }[] } }[] = [];
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      posts.push({ url: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()) as (typeof posts)[0]['body'] });
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const tracing = await startTracing(
    { endpoint: `http://127.0.0.1:${port}/`, 'sample-ratio': 1 },
    { name: 'gantry-test', version: '1', logger: silentLogger },
  );
  const root = newContext();
  const outer = openSpan(root, 'outer', undefined, tracing.tracer);
  await inSpan(outer.ctx, 'inner', async () => undefined);
  await expect(inSpan(outer.ctx, 'failing', async () => Promise.reject(notFound('no such thing')))).rejects.toMatchObject({
    kind: 'notFound',
  });
  outer.end();
  await tracing.stop();
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));

  expect(posts.map(({ url }) => url)).toEqual(['/v1/traces']);
  const spans = posts.flatMap(({ body }) => body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
  const named = (name: string): Span | undefined => spans.find((span) => span.name === name);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([parseTraceparent(root.traceparent)?.traceId]));
  expect(named('outer')?.parentSpanId).toBe(parseTraceparent(root.traceparent)?.spanId);
  expect(named('inner')?.parentSpanId).toBe(named('outer')?.spanId);
  expect(named('failing')?.status).toEqual({ code: 2, message: 'no such thing' });
});

test('nothing is loaded or sent without an endpoint', async () => {
  const tracing = await startTracing({ endpoint: '', 'sample-ratio': 1 }, { name: 'x', version: '1', logger: silentLogger });
  expect(tracing.tracer).toBeUndefined();
  await tracing.stop();
});

test('a collector that is down costs one warning', async () => {
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (...args: unknown[]) => void warnings.push(args) };
  const tracing = await startTracing({ endpoint: 'http://127.0.0.1:1', 'sample-ratio': 1 }, { name: 'x', version: '1', logger });
  await inSpan({ ...newContext(), ...(tracing.tracer === undefined ? {} : { tracer: tracing.tracer }) }, 'lost', async () => undefined);
  await tracing.stop().catch(() => undefined);
  expect(warnings).toHaveLength(1);
});
