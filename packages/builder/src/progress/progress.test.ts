import { setImmediate } from 'node:timers/promises';
import type { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import { JobProgress } from './job-progress';
import { LogLimit } from './log-limit';
import { StepTrack } from './step-track';

const facts = (digest: string, ...inputs: string[]) => ({ digest, name: `step ${digest}`, inputs, progressGroup: undefined });

async function all(job: JobProgress): Promise<StatusResponse> {
  const told: StatusResponse = { vertexes: [], statuses: [], logs: [], warnings: [] };
  for await (const { vertexes, statuses, logs, warnings } of job.watch(new AbortController().signal)) {
    told.vertexes.push(...vertexes);
    told.statuses.push(...statuses);
    told.logs.push(...logs);
    told.warnings.push(...warnings);
  }
  return told;
}

test('a prompt watcher is told of each event as it comes, another of those that come together', async () => {
  const counts = await Promise.all(
    [true, false].map(async (prompt) => {
      const job = new JobProgress();
      const step = new StepTrack(facts('a'));
      step.join(job);
      let messages = 0;
      const watching = (async () => {
        for await (const _each of job.watch(new AbortController().signal, { prompt })) if (++messages === 2) step.complete();
      })();
      await setImmediate();
      step.start();
      await setImmediate();
      step.status({ id: 's' });
      await setImmediate();
      job.close();
      await watching;
      return messages;
    }),
  );
  expect(counts).toEqual([4, 2]);
});

test('a watcher that comes late is told everything, a build that joins a step late, too', async () => {
  const early = new JobProgress();
  const late = new JobProgress();
  const step = new StepTrack(facts('a'));
  step.join(early);
  const watched = all(early);
  step.start();
  step.log(1, Buffer.from('one'));
  step.log(1, Buffer.from(' two'));
  step.log(2, Buffer.from('three'));
  step.status({ id: 's', current: 1, total: 2 });
  step.status({ id: 's', current: 2, total: 2, completed: new Date() });
  step.warn({ level: 1, short: 'w', detail: ['d'], url: 'u', ranges: [] });
  step.complete();
  step.join(late);
  early.close();
  late.close();
  for (const told of [await watched, await all(early), await all(late)]) {
    expect(told.vertexes.at(-1)).toMatchObject({
      digest: 'a',
      name: 'step a',
      cached: false,
      completed: { nanos: expect.any(Number) as number },
    });
    expect(told.logs.map(({ stream, msg }) => [stream, msg.toString()])).toEqual([
      [1n, 'one two'],
      [2n, 'three'],
    ]);
    expect(told.statuses.at(-1)).toMatchObject({ ID: 's', vertex: 'a', current: 2n, total: 2n });
    expect(told.warnings).toHaveLength(1);
  }
  expect((await all(late)).statuses).toHaveLength(1);
});

test('inputs of a step that begins were not needed themselves: they are cached, down to the sources; running ones are not', async () => {
  const job = new JobProgress();
  const [a, b, c, d] = [
    new StepTrack(facts('a')),
    new StepTrack(facts('b', 'a')),
    new StepTrack(facts('c')),
    new StepTrack(facts('d', 'b', 'c')),
  ];
  for (const step of [a, b, c, d]) step.join(job);
  c.start();
  d.start(true);
  d.complete({ cached: true });
  job.close();
  const last = new Map((await all(job)).vertexes.map((vertex) => [vertex.digest, vertex]));
  expect([...last].map(([digest, { cached, error }]) => [digest, cached, error])).toEqual([
    ['a', true, ''],
    ['b', true, ''],
    ['c', false, 'context canceled'],
    ['d', true, ''],
  ]);
});

test('output beyond the limits is clipped with a line that says so; its end is there when the step fails', () => {
  const limit = new LogLimit({ size: 10, perSecond: 1000 });
  expect(limit.take(Buffer.from('12345678')).toString()).toBe('12345678');
  expect(limit.take(Buffer.from('9abc')).toString()).toBe('9a\n[output clipped, log limit 10B reached]\n');
  expect(limit.take(Buffer.from('def')).toString()).toBe('');
  expect(limit.rest().toString()).toBe('9abcdef');
  const quick = new LogLimit({ size: 2 ** 21, perSecond: 200 * 1024 });
  expect(
    quick
      .take(Buffer.alloc(300 * 1024))
      .subarray(200 * 1024)
      .toString(),
  ).toBe('\n[output clipped, log limit 200KiB/s reached]\n');
});
