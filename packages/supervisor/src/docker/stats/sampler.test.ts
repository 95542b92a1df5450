import { packAny } from '@gantry/api';
import { StartRequest, StatsRequest, type StatsResponse } from '@gantry/api/gantry/engine/v1/containers';
import { Metrics } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { type CallContext, newContext, pause, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { startContainer } from '../start/start';
import { containerStats } from './stats';

interface Told {
  readonly name: string;
  readonly read: string;
  readonly preread: string;
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number }; readonly system_cpu_usage?: number };
  readonly precpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
}

let world: FakeWorld;
let engine: FakeEngine;
let ends: AbortController;
const asked: string[][] = [];
const uses = (total: bigint): void => void (world.tasks.metrics = packAny(Metrics, Metrics.fromPartial({ cpu: { usage: { total } } })));

beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
  ends = new AbortController();
  asked.length = 0;
  const { collect } = world.tasks;
  world.tasks.collect = (ctx, ids) => {
    asked.push([...ids].sort());
    return collect(ctx, ids);
  };
  uses(7n);
});

afterEach(() => {
  ends.abort();
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

async function running(name: string): Promise<string> {
  const { id } = await createContainer(engine, newContext(), createRequest({ name }));
  await startContainer(engine, newContext(), StartRequest.create({ id }));
  return id;
}

const ctx = (): CallContext => ({ ...engine.ctx, signal: ends.signal });
const watch = (id: string, request: Partial<StatsRequest> = {}): AsyncGenerator<StatsResponse> =>
  containerStats(engine, ctx(), StatsRequest.fromPartial({ id, stream: true, ...request }));
const next = async (stream: AsyncGenerator<StatsResponse>): Promise<Told> => {
  const { value } = (await stream.next()) as { value: StatsResponse | undefined };
  return JSON.parse(Buffer.from(value?.statsJson ?? []).toString()) as Told;
};

test('all that are watched are asked for together, each once, and compared with the time before', async () => {
  const [a, b] = [await running('aa'), await running('bb')];
  const streams = [watch(a), watch(b), watch(a)];
  const firsts = await Promise.all(streams.map(next));
  expect(firsts.map(({ name, precpu_stats: before }) => [name, before.cpu_usage.total_usage])).toEqual([
    ['/aa', 0],
    ['/bb', 0],
    ['/aa', 0],
  ]);
  asked.length = 0;
  uses(9n);
  while ((performance.now() + 500) % 1000 > 700) await pause(50); // no tick falls between the three questions
  const began = performance.now();
  const seconds = await Promise.all(streams.map(next));
  expect(performance.now() - began).toBeGreaterThan(400);
  expect(asked).toEqual([[a, b].sort()]);
  for (const [at, told] of seconds.entries()) {
    expect([told.cpu_stats.cpu_usage.total_usage, told.precpu_stats.cpu_usage.total_usage, told.preread]).toEqual([9, 7, firsts[at]?.read]);
    expect(told.read).toBe(seconds[0]?.read);
    expect(told.cpu_stats.system_cpu_usage).toBe(seconds[0]?.cpu_stats.system_cpu_usage);
  }
});

test('one that another shim runs is asked for itself, one that does not run is told as such', async () => {
  const [a, b] = [await running('aa'), await running('bb')];
  world.tasks.elsewhere.add(a);
  engine.exit(b, 0);
  expect((await next(watch(a))).cpu_stats.cpu_usage.total_usage).toBe(7);
  const { read, cpu_stats: cpu } = await next(watch(b));
  expect([read, cpu.cpu_usage.total_usage, cpu.system_cpu_usage]).toEqual(['0001-01-01T00:00:00Z', 0, undefined]);
});

test('without a stream there is one sample, with one before it to compare with unless it is one-shot', async () => {
  const id = await running('aa');
  const single = watch(id, { stream: false });
  const told = await next(single);
  expect([told.cpu_stats, told.precpu_stats].map((cpu) => cpu.cpu_usage.total_usage)).toEqual([7, 7]);
  expect((await single.next()).done).toBe(true);
  expect(asked).toHaveLength(2);
  const shot = watch(id, { stream: false, oneShot: true });
  expect([(await next(shot)).precpu_stats.cpu_usage.total_usage, (await shot.next()).done, asked.length]).toEqual([0, true, 3]);
});

test('a caller that leaves is waited for no more, and a shim that is away is told to all', async () => {
  const id = await running('aa');
  const [left, stays] = [watch(id), watch(id)];
  await Promise.all([next(left), next(stays)]);
  world.tasks.collect = async () => {
    throw unavailable('the shim is away');
  };
  const failed = expect(stays.next()).rejects.toThrow('the shim is away');
  await failed;
  const waits = left.next();
  ends.abort(unavailable('gone'));
  await expect(waits).rejects.toThrow('gone');
  expect(engine.sampler['waiting' as never]).toHaveProperty('size', 0);
});
