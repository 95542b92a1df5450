import { packAny, timestampNow } from '@gantry/api';
import { CachePruned, ImageBuilt, StepContainerChanged } from '@gantry/api/gantry/build/v1/build';
import { Envelopes } from '../../core/events';
import { followBuilder } from './builder-events';
import type { DockerEvent } from './docker-events';

test("a pruned build cache is docker's builder event, in the engine's namespace only", async () => {
  const envelopes = new Envelopes();
  const told: DockerEvent[] = [];
  const emit = (event: DockerEvent): never => void told.push(event) as never;
  const stop = new AbortController();
  const following = followBuilder(envelopes, { emit }, 'gantry', stop.signal);
  const event = packAny(CachePruned, { reclaimed: 42n });
  for (const namespace of ['other', 'gantry']) envelopes.forward({ timestamp: timestampNow(), namespace, topic: '/builder/prune', event });
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await following;
  expect(told).toEqual([{ type: 'builder', action: 'prune', id: '', attributes: { reclaimed: '42' } }]);
});

test("an image that was built is created and tagged, in docker's events", async () => {
  const envelopes = new Envelopes();
  const told: DockerEvent[] = [];
  const stop = new AbortController();
  const following = followBuilder(envelopes, { emit: (event) => void told.push(event) as never }, 'gantry', stop.signal);
  const event = packAny(ImageBuilt, { id: 'sha256:1', names: ['a:1', 'b:latest'], labels: { tier: 'front' } });
  envelopes.forward({ timestamp: timestampNow(), namespace: 'gantry', topic: '/builder/image', event });
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await following;
  const image = { type: 'image', id: 'sha256:1' };
  expect(told).toEqual([
    { ...image, action: 'create', attributes: { tier: 'front', name: 'sha256:1' } },
    { ...image, action: 'tag', attributes: { tier: 'front', name: 'a:1' } },
    { ...image, action: 'tag', attributes: { tier: 'front', name: 'b:latest' } },
  ]);
});

test('the container of a step is told of as any other', async () => {
  const envelopes = new Envelopes();
  const told: DockerEvent[] = [];
  const stop = new AbortController();
  const following = followBuilder(envelopes, { emit: (event) => void told.push(event) as never }, 'gantry', stop.signal);
  const id = 'a'.repeat(64);
  for (const action of ['start', 'die']) {
    const event = packAny(StepContainerChanged, { id, action, exitCode: 3 });
    envelopes.forward({ timestamp: timestampNow(), namespace: 'gantry', topic: '/builder/container', event });
  }
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await following;
  expect(told).toEqual([
    { type: 'container', id, action: 'start', attributes: { name: 'aaaaaaaaaaaa' } },
    { type: 'container', id, action: 'die', attributes: { name: 'aaaaaaaaaaaa', exitCode: '3' } },
  ]);
});
