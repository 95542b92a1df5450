import type { Engine } from '../../test-e2e/src/harness/engine';
import type { BenchCase } from './cases';
import { EngineClient } from './engine-client';
import { engineCpu } from './images/cpu';
import { timed } from './measure';

/** The engine's part of what users do, over kept connections and without a CLI; and what many containers cost. */

const clients = new Map<Engine, EngineClient>();

export function clientOf(engine: Engine): EngineClient {
  const client = clients.get(engine) ?? new EngineClient(engine.socket, 64);
  clients.set(engine, client);
  return client;
}

export async function create(engine: Engine, config: object): Promise<string> {
  return (JSON.parse(await clientOf(engine).text('POST', '/containers/create', { Image: 'busybox', ...config })) as { Id: string }).Id;
}

export const start = (engine: Engine, id: string): Promise<string> => clientOf(engine).text('POST', `/containers/${id}/start`);

async function running(engine: Engine, config: object = {}): Promise<string> {
  const id = await create(engine, { Cmd: ['sleep', '6000'], ...config });
  await start(engine, id);
  return id;
}

export async function removeAll(engine: Engine): Promise<void> {
  const all = JSON.parse(await clientOf(engine).text('GET', '/containers/json?all=1')) as { Id: string }[];
  await inLanes(all, 8, ({ Id }) => clientOf(engine).text('DELETE', `/containers/${Id}?force=1&v=1`));
}

export async function end(engine: Engine): Promise<void> {
  await removeAll(engine);
  clients.get(engine)?.close();
  clients.delete(engine);
}

/** All of them, so many at once. */
export async function inLanes<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Milliseconds of the parts of one container's life: create, start and end, removal. */
async function life(engine: Engine): Promise<{ readonly create: number; readonly remove: number; readonly all: number }> {
  const began = performance.now();
  const id = await create(engine, { Cmd: ['true'], HostConfig: { NetworkMode: 'bridge' } });
  const created = performance.now();
  const waited = clientOf(engine).text('POST', `/containers/${id}/wait?condition=next-exit`);
  await start(engine, id);
  await waited;
  const ended = performance.now();
  await clientOf(engine).text('DELETE', `/containers/${id}`);
  const now = performance.now();
  return { create: created - began, remove: now - ended, all: now - began };
}

async function exec(engine: Engine, id: string): Promise<void> {
  const made = await clientOf(engine).text('POST', `/containers/${id}/exec`, { Cmd: ['true'], AttachStdout: true });
  const { Id } = JSON.parse(made) as { Id: string };
  const stream = await clientOf(engine).upgrade(`/exec/${Id}/start`, { Detach: false, Tty: false });
  await new Promise((resolve) => stream.once('close', resolve));
  const { ExitCode, Running } = JSON.parse(await clientOf(engine).text('GET', `/exec/${Id}/json`)) as {
    ExitCode: number;
    Running: boolean;
  };
  if (Running || ExitCode !== 0) throw new Error(`${engine.kind}: exec of true: ${ExitCode}`);
}

const targets = new Map<Engine, string>();
const targetOf = (engine: Engine): string => targets.get(engine) ?? '';
const oneRunning = async (engine: Engine): Promise<void> => void targets.set(engine, await running(engine));

/** So many stopped containers, with those that an earlier case left. */
export const stopped =
  (count: number) =>
  async (engine: Engine): Promise<void> => {
    const there = JSON.parse(await clientOf(engine).text('GET', '/containers/json?all=1')) as unknown[];
    await inLanes(Array.from({ length: Math.max(0, count - there.length) }), 8, () => create(engine, { Cmd: ['true'] }));
  };

const startsAtOnce = (count: number): BenchCase => ({
  name: `engine: ${count} starts at once`,
  heavy: true,
  share: 0.15,
  sample: async (engine) => {
    const ids: string[] = [];
    await inLanes(Array.from({ length: count }), 8, async () => void ids.push(await create(engine, { Cmd: ['sleep', '600'] })));
    const took = await timed(() => Promise.all(ids.map((id) => start(engine, id))));
    await removeAll(engine);
    return took;
  },
  teardown: end,
});

const listed = (engine: Engine): Promise<number> => timed(() => clientOf(engine).text('GET', '/containers/json?all=1'));

/** A list of so many, above 3,000 of Gantry's alone. */
export const listOf = (count: number): BenchCase => ({
  name: `engine: list of ${count} stopped`,
  heavy: count > 1000,
  among: count,
  alone: count > 3000,
  setup: stopped(count),
  sample: listed,
  teardown: end,
});

/** Waits, half a minute at most, until an engine has done what earlier cases left it to do: 200 removals go on for ten seconds after their answers. */
async function atRest(engine: Engine): Promise<void> {
  for (let second = 0; second < 30; second++) {
    const before = engineCpu(engine.folder);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (engineCpu(engine.folder) - before <= 10) return;
  }
}

/** What an engine computes in five seconds, ms, while `during` goes on. */
async function cpuOf(engine: Engine, during: () => Promise<() => unknown>): Promise<number> {
  const stop = await during();
  const before = engineCpu(engine.folder);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const cpu = engineCpu(engine.folder) - before;
  await stop();
  return cpu;
}

const many = async (engine: Engine, count: number, command: string): Promise<void> => {
  await inLanes(Array.from({ length: count }), 8, () =>
    running(engine, { Cmd: ['sh', '-c', command], HostConfig: { NetworkMode: 'none' } }),
  );
};

/** Ends so many of the containers and throws when their logs are not all lines of `seq 100`, again and again. */
async function nothingLost(engine: Engine, count: number): Promise<void> {
  const all = JSON.parse(await clientOf(engine).text('GET', '/containers/json')) as { Id: string }[];
  await inLanes(all.slice(0, count), 4, async ({ Id }) => {
    await clientOf(engine).text('POST', `/containers/${Id}/kill`);
    const log = await engine.docker(['logs', Id], { timeout: 600_000 });
    const lines = log.stdout.trimEnd().split('\n');
    const wrong = lines.findIndex((line, index) => line !== String((index % 100) + 1));
    if (wrong >= 0 || lines.length < 1000) throw new Error(`${engine.kind}: line ${wrong} of ${lines.length} of ${Id} is ${lines[wrong]}`);
  });
}

const stats = (count: number): BenchCase => ({
  name: `engine: processor time of 5 s of stats of ${count} containers`,
  heavy: true,
  share: count > 100 ? 0 : 0.3,
  setup: async (engine) => {
    await many(engine, count, 'sleep 6000');
    await atRest(engine);
  },
  sample: (engine) =>
    cpuOf(engine, async () => {
      const all = JSON.parse(await clientOf(engine).text('GET', '/containers/json')) as { Id: string }[];
      const own = new EngineClient(engine.socket, 256);
      const stops = await Promise.all(
        all.map(async ({ Id }) => {
          const answer = await own.call('GET', `/containers/${Id}/stats?stream=1`);
          answer.resume().on('error', () => undefined);
          return () => answer.destroy();
        }),
      );
      return () => {
        for (const stop of stops) stop();
        own.close();
      };
    }),
  teardown: end,
});

export const engineCases: readonly BenchCase[] = [
  { name: 'engine: one container on the bridge, to its removal', sample: async (engine) => (await life(engine)).all, teardown: end },
  { name: 'engine: create', sample: async (engine) => (await life(engine)).create, teardown: end },
  { name: 'engine: removal of an ended one', sample: async (engine) => (await life(engine)).remove, teardown: end },
  { name: 'engine: exec of true', setup: oneRunning, sample: (engine) => timed(() => exec(engine, targetOf(engine))), teardown: end },
  { name: 'engine: list of 1 running', setup: oneRunning, sample: listed, teardown: end },
  listOf(200),
  startsAtOnce(40),
  startsAtOnce(200),
  {
    name: 'engine: processor time of 5 s of 200 containers that write 1,000 lines a second each',
    heavy: true,
    share: 0,
    // One engine's at a time: those of both are more than a machine of two processors takes.
    sample: async (engine) => {
      await many(engine, 200, 'while :; do seq 100; usleep 100000; done');
      const cpu = await cpuOf(engine, async () => () => undefined);
      await nothingLost(engine, 20);
      await removeAll(engine);
      return cpu;
    },
    teardown: end,
  },
  stats(20),
  stats(200),
  {
    name: 'engine: processor time of writing 256 MB of log and following it to the end',
    heavy: true,
    share: 0.1,
    sample: async (engine) => {
      const before = engineCpu(engine.folder);
      const command = `yes ${'x'.repeat(99)} | head -c 256000000`;
      const id = await running(engine, { Cmd: ['sh', '-c', command], HostConfig: { NetworkMode: 'none' } });
      const answer = await clientOf(engine).call('GET', `/containers/${id}/logs?follow=1&stdout=1`);
      let bytes = 0;
      for await (const part of answer) bytes += (part as Buffer).length;
      if (bytes < 256e6) throw new Error(`${engine.kind}: logs -f brought ${bytes} bytes`);
      await removeAll(engine);
      return engineCpu(engine.folder) - before;
    },
    teardown: end,
  },
  {
    name: 'engine: processor time of following 100 MB of log that are there',
    heavy: true,
    share: 0.2,
    setup: async (engine) => {
      const id = await running(engine, { Cmd: ['sh', '-c', `yes ${'x'.repeat(99)} | head -c 100000000; echo; sleep 6000`] });
      targets.set(engine, id);
      await followed(engine, id); // it is written to its end
    },
    sample: async (engine) => {
      const before = engineCpu(engine.folder);
      await followed(engine, targetOf(engine));
      return engineCpu(engine.folder) - before;
    },
    teardown: end,
  },
];

/** Follows a log of 100 MB, which goes on to run, as far as that. */
async function followed(engine: Engine, id: string): Promise<void> {
  const client = new EngineClient(engine.socket);
  const answer = await client.call('GET', `/containers/${id}/logs?follow=1&stdout=1`);
  let bytes = 0;
  for await (const part of answer) {
    bytes += (part as Buffer).length;
    if (bytes >= 108e6) break; // a header for each of a million lines
  }
  client.close();
}
