import { loadBusybox, startEngine, type Engine, until, succeeding } from './harness';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine('gantry', { config: { supervisor: 'live-restore: false\n' } });
  await loadBusybox(engine);
}, 120_000);
afterAll(() => engine.destroy(), 120_000);

const ok = succeeding((args) => engine.docker(args, { timeout: 60_000 }));

const service = (name: string, dependsOn = ''): string[] =>
  Object.entries({ project: 'shop', service: name, depends_on: dependsOn }).flatMap(([key, value]) => [
    '--label',
    `com.docker.compose.${key}=${value}`,
  ]);
const always = ['-d', '--restart', 'always'];
const sleeps = ['busybox', 'sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];

/** Actions of containers since a moment: `start db`. */
async function since(moment: string): Promise<string[]> {
  const format = '{{.Action}} {{index .Actor.Attributes "name"}}';
  const filters = ['--filter', 'type=container', '--filter', 'event=start', '--filter', 'event=health_status', '--filter', 'event=die'];
  return (await ok('events', '--since', moment, '--until', `${Date.now() / 1000}`, ...filters, '--format', format))
    .split('\n')
    .filter(Boolean);
}

test("containers come back with the engine in the order of compose's labels, links and namespaces", async () => {
  // Made so that the order of creation is the wrong one.
  await ok(
    'run',
    ...always,
    '--name',
    'db',
    ...service('db'),
    '--health-cmd',
    'test -e /ready',
    '--health-interval',
    '200ms',
    '--health-retries',
    '50',
    ...['busybox', 'sh', '-c', 'rm -f /ready; trap "exit 0" TERM; sleep 1.5 & wait $!; touch /ready; while :; do sleep 0.1; done'],
  );
  await ok('run', ...always, '--name', 'cache', ...sleeps);
  await ok('run', ...always, '--name', 'web', ...service('web', 'db:service_healthy:false'), '--link', 'cache:cache', ...sleeps);
  await ok('run', ...always, '--name', 'sidecar', '--network', 'container:web', ...sleeps);
  await ok('run', ...always, '--name', 'last', ...service('last', 'web:service_started:true,gone:service_healthy:true'), ...sleeps);
  await until('the database', async () => (await ok('inspect', '-f', '{{.State.Health.Status}}', 'db')) === 'healthy');
  await engine.halt();
  const moment = `${Date.now() / 1000}`;
  await engine.start();
  const running = async (): Promise<string[]> =>
    (await ok('ps', '--filter', 'status=running', '--format', '{{.Names}}')).split('\n').sort();
  // whoever asks first finds what needs no more than a start
  expect(await running()).toEqual(expect.arrayContaining(['cache', 'db']));
  await until('all of them to run', async () => (await running()).length === 5, 30_000);
  expect(await running()).toEqual(['cache', 'db', 'last', 'sidecar', 'web']);
  const told = await since(moment);
  const at = (event: string): number => {
    expect(told).toContain(event);
    return told.indexOf(event);
  };
  expect(at('health_status: healthy db')).toBeLessThan(at('start web'));
  expect(at('start cache')).toBeLessThan(at('start web'));
  expect(at('start web')).toBeLessThan(at('start sidecar'));
  expect(at('start web')).toBeLessThan(at('start last'));
  expect(told.filter((event) => event.startsWith('start')).length).toBe(5);
}, 120_000);
