import type { ChildProcess } from 'node:child_process';
import { ended, loadBusybox, startEngine, until, type Engine } from './harness';

/** Rounds of killing: more in `tools/test --all`. */
const rounds = process.env['GANTRY_TEST_ALL'] ? 20 : 4;

interface Event {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine('gantry', { separate: true });
  await loadBusybox(engine);
}, 120_000);
afterAll(() => engine.destroy(), 120_000);

const docker = (...args: string[]) => engine.docker(args, { timeout: 60_000 });
const lines = (text: string): string[] => text.split('\n').filter(Boolean);

/** Kills a service, or all of them, and waits until the engine answers again. */
async function killed(...services: string[]): Promise<void> {
  for (const pid of services.flatMap((service) => engine.pids(service))) process.kill(pid, 'SIGKILL');
  await until('the engine to answer again', async () => (await docker('ps')).code === 0, 60_000);
}

/** What a docker client prints, line by line, for as long as it runs. */
function follow(...args: string[]): { readonly child: ChildProcess; readonly lines: () => string[]; stop(): Promise<void> } {
  const child = engine.dockerSpawn(args);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return {
    child,
    lines: () => lines(text.slice(0, text.lastIndexOf('\n') + 1)),
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

/** Containers that come and go until told to stop; calls that die with a service are no failure. */
async function churn(stop: AbortSignal): Promise<void> {
  for (let i = 0; !stop.aborted; i++) {
    await docker('run', '--rm', '--name', `short-${i}`, 'busybox', 'true');
    await docker('run', '-d', '--name', `long-${i}`, '-v', '/data', 'busybox', 'sleep', '600');
    await docker('rm', '-fv', `long-${i}`);
  }
}

const seconds = (): string => `${Date.now() / 1000}`;
const past = async (since: string): Promise<string[]> =>
  lines((await docker('events', '--since', since, '--until', seconds(), '--format', '{{json .}}')).stdout);

test('open streams of events and stats go on over kill -9 of the supervisor: no gap, nothing twice, in order', async () => {
  expect(await docker('run', '-d', '--name', 'kept', 'busybox', 'sh', '-c', 'while :; do :; done')).toMatchObject({ code: 0 });
  const begun = seconds();
  const events = follow('events', '--since', begun, '--format', '{{json .}}');
  const stats = follow('stats', '--format', '{{.Name}} {{.CPUPerc}}', 'kept');
  const stop = new AbortController();
  const working = churn(stop.signal);
  try {
    for (let round = 0; round < rounds; round++) {
      const seen = events.lines().length;
      await until('events to come', () => events.lines().length > seen + 5, 60_000);
      await killed('gantry-supervisor');
    }
    const samples = stats.lines().length;
    await until('stats to go on', () => stats.lines().length > samples + 1, 30_000);
  } finally {
    stop.abort();
    await working;
  }
  try {
    expect(await docker('rm', '-f', 'kept')).toMatchObject({ code: 0 });
    const all = await past(begun);
    await until('the last event', () => events.lines().at(-1) === all.at(-1), 30_000);
    expect(events.lines()).toEqual(all);
    expect([events.child.exitCode, stats.child.exitCode]).toEqual([null, null]);
    const told = all.map((line) => JSON.parse(line) as Event);
    expect(told.length).toBeGreaterThan(5 * rounds);
    expect(new Set(all).size).toBe(all.length);
    expect(told.map(({ timeNano }) => timeNano)).toEqual(told.map(({ timeNano }) => timeNano).sort((a, b) => a - b));
    // Every container's life is whole, also of one that ended while nobody was there. One whose removal died with its service goes on, or ends later.
    const running = lines((await docker('ps', '-q', '--no-trunc')).stdout);
    const later = (await past(begun)).map((line) => JSON.parse(line) as Event);
    const lives = new Map<string, string[]>();
    for (const { Type, Action, Actor } of later)
      if (Type === 'container' && ['create', 'start', 'die', 'destroy'].includes(Action) && Actor.Attributes['name'] !== 'kept')
        lives.set(Actor.ID, [...(lives.get(Actor.ID) ?? []), Action]);
    for (const id of running.filter((one) => lives.get(one)?.at(-1) === 'start')) lives.get(id)?.push('die');
    for (const [id, life] of lives) expect(`${id} ${life.join(' ')}`).toMatch(/^\w+ create( start die)*( destroy)?$/);
    // A sample after the death is compared with the one before it.
    const busiest = Math.max(...stats.lines().map((line) => Number(/ ([\d.]+)%/.exec(line)?.[1] ?? 0)));
    expect(busiest).toBeLessThan(250);
  } finally {
    await Promise.all([events.stop(), stats.stop()]);
  }
}, 300_000);

test('--since answers what happened before a restart or a death of all services, with the times that were told', async () => {
  const begun = seconds();
  expect(await docker('run', '--rm', '--name', 'before', '--label', 'tier=front', 'busybox', 'true')).toMatchObject({ code: 0 });
  const first = await past(begun);
  expect(first.map((line) => (JSON.parse(line) as Event).Action)).toEqual(expect.arrayContaining(['create', 'start', 'die', 'destroy']));
  await killed('gantry-supervisor', 'gantryd', 'gantry-images', 'gantry-network');
  expect(await docker('run', '--rm', '--name', 'between', 'busybox', 'true')).toMatchObject({ code: 0 });
  await engine.halt();
  await engine.start();
  expect(await docker('run', '--rm', '--name', 'after', 'busybox', 'true')).toMatchObject({ code: 0 });
  const all = await past(begun);
  expect(all.slice(0, first.length)).toEqual(first);
  const names = (filter: string): Promise<string[]> =>
    docker('events', '--since', begun, '--until', seconds(), '--filter', filter, '--format', '{{index .Actor.Attributes "name"}}').then(
      ({ stdout }) => lines(stdout),
    );
  expect(await names('event=die')).toEqual(['before', 'between', 'after']);
  expect(new Set(await names('label=tier=front'))).toEqual(new Set(['before']));
}, 120_000);

test('an end that was written and told to nobody is told by the next process, once', async () => {
  const begun = seconds();
  const runs = Array.from({ length: 6 }, (_, i) => docker('run', '-d', '--name', `ends-${i}`, 'busybox', 'sleep', '600'));
  for (const { code } of await Promise.all(runs)) expect(code).toBe(0);
  const names = runs.map((_, i) => `ends-${i}`);
  // Killed while it finishes with them.
  const killing = docker('kill', ...names);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await killed('gantry-supervisor');
  await killing;
  await docker('kill', ...names);
  const died = async (): Promise<string[]> =>
    (await past(begun))
      .map((line) => JSON.parse(line) as Event)
      .flatMap(({ Action, Actor }) => (Action === 'die' ? [Actor.Attributes['name'] ?? ''] : []));
  await until('every end to be told', async () => (await died()).length >= names.length, 30_000);
  expect((await died()).sort()).toEqual(names);
  await docker('rm', ...names);
}, 120_000);
