import { unpackAny } from '@gantry/api';
import { ImageCreate } from '@gantry/api/containerd/services/images/v1/images';
import { newContext } from '@gantry/rpc';
import { eventsHandlers } from './events-service';
import { Exchange } from './exchange';

test('a listener that filters gets what is told from its first step on', async () => {
  const exchange = new Exchange();
  exchange.publish('default', '/images/create', ImageCreate, { name: 'early', labels: {} });
  const stop = new AbortController();
  const stream = eventsHandlers(exchange).subscribe(
    newContext({ signal: stop.signal }),
    { filters: ['topic=="/images/create",namespace==gantry'] },
    async () => undefined,
  );
  const messages = (stream as AsyncIterable<never>)[Symbol.asyncIterator]();
  const first = messages.next();
  exchange.publish('default', '/images/create', ImageCreate, { name: 'other', labels: {} });
  exchange.publish('gantry', '/images/create', ImageCreate, { name: 'app', labels: {} });
  const { event, namespace } = (await first).value as { event: never; namespace: string };
  expect(namespace).toBe('gantry');
  expect(unpackAny(event, ImageCreate)).toEqual({ name: 'app', labels: {} });
  stop.abort();
  await expect(messages.next()).rejects.toThrow();
});
