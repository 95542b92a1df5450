import type { ChildProcess } from 'node:child_process';
import { type Engine, loadBusybox, startEngine, succeeding, until } from './harness';

/** Rounds of killing: more in `tools/test --all`. */
const rounds = process.env['GANTRY_TEST_ALL'] ? 20 : 4;
const count = 'i=0; while [ ! -e /stop ]; do i=$((i+1)); echo line $i 0123456789012345678901234567890123456789; sleep 0.02; done';

let engine: Engine;
const followers: ChildProcess[] = [];
beforeAll(async () => {
  engine = await startEngine('gantry', { separate: true });
  await loadBusybox(engine);
}, 120_000);
afterAll(async () => {
  for (const child of followers) child.kill('SIGKILL');
  await engine.destroy();
}, 120_000);

const ok = succeeding((args) => engine.docker(args, { timeout: 60_000 }));

interface Follower {
  readonly numbers: () => number[];
  /** Its exit code, once it ends. */
  readonly over: Promise<number | null>;
  readonly errors: () => string;
}

function follow(...args: string[]): Follower {
  const child = engine.dockerSpawn(['logs', '-f', ...args]);
  followers.push(child);
  let text = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const numbers = (): number[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => Number(/^line (\d+) /.exec(line)?.[1] ?? -1));
  return { numbers, over: new Promise((resolve) => child.once('close', resolve)), errors: () => errors };
}

async function kill(service: string): Promise<void> {
  for (const pid of engine.pids(service)) process.kill(pid, 'SIGKILL');
  await until('the engine to answer again', async () => (await engine.docker(['ps'])).code === 0, 60_000);
}

test(`logs -f goes over ${rounds} deaths of each service and over rotations, no line missing and none twice`, async () => {
  const options = ['--log-opt', 'max-size=20k', '--log-opt', 'max-file=5', '--log-opt', 'compress=true'];
  for (const [name, ...more] of [['plain'], ['terminal', '-t']])
    await ok('run', '-d', '--name', `${name}`, ...more, ...options, 'busybox', 'sh', '-c', count);
  const streams = {
    all: follow('plain'),
    terminal: follow('terminal'),
    new: follow('--tail', '0', 'plain'),
    last: follow('--tail', '5', 'plain'),
  };
  const seen = (): number => Math.min(...Object.values(streams).map(({ numbers }) => numbers().length));
  await until('lines', () => seen() > 10, 60_000);
  for (let round = 0; round < rounds; round++)
    for (const service of ['gantry-supervisor', 'gantry-images', 'gantry-network', 'gantry-shim', 'gantry-build']) {
      const before = seen();
      await kill(service);
      await until(`lines after the death of ${service}`, () => seen() > before + 3, 60_000);
    }
  for (const name of ['plain', 'terminal']) await ok('exec', '-d', name, 'touch', '/stop'); // it may end before the exec does
  for (const [kind, { over, numbers, errors }] of Object.entries(streams)) {
    expect([kind, await over, errors()]).toEqual([kind, 0, '']);
    const told = numbers();
    expect([kind, told.findIndex((number, index) => number !== (told[0] ?? 0) + index)]).toEqual([kind, -1]);
  }
  expect([streams.all.numbers()[0], streams.terminal.numbers()[0]]).toEqual([1, 1]);
  expect(new Set([streams.all, streams.new, streams.last].map(({ numbers }) => numbers().at(-1))).size).toBe(1);
  await ok('rm', 'plain', 'terminal');
}, 300_000);

test('one that has said nothing yet, and one whose container ends meanwhile, lose nothing to a death of the supervisor', async () => {
  await ok('run', '-d', '--name', 'silent', 'busybox', 'sh', '-c', 'while [ ! -e /go ]; do sleep 0.1; done; echo line 1 x');
  const silent = follow('silent');
  await ok('run', '-d', '--name', 'ends', 'busybox', 'sh', '-c', 'echo line 1 x; while [ ! -e /go ]; do sleep 0.1; done; echo line 2 x');
  const ends = follow('ends');
  await until('a line', () => ends.numbers().length === 1);
  await kill('gantry-supervisor');
  await ok('exec', '-d', 'silent', 'touch', '/go');
  const leaving = ok('exec', '-d', 'ends', 'sh', '-c', 'sleep 0.5; touch /go');
  await leaving;
  await kill('gantry-supervisor');
  expect([await silent.over, silent.numbers()]).toEqual([0, [1]]);
  expect([await ends.over, ends.numbers()]).toEqual([0, [1, 2]]);
  await ok('rm', 'silent', 'ends');
}, 120_000);

test('one whose container is removed meanwhile ends', async () => {
  await ok('run', '-d', '--name', 'goes', 'busybox', 'sh', '-c', count);
  const goes = follow('goes');
  await until('a line', () => goes.numbers().length > 0);
  await kill('gantry-supervisor');
  await ok('rm', '-f', 'goes');
  expect(await goes.over).toBe(0);
}, 60_000);
