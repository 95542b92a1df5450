import { callApi, loadBusybox, startEngine, until, type Engine, succeeding } from './harness';

/** What an event is here, its detail included; times in milliseconds. */
interface Told {
  readonly action: string;
  readonly at: number;
}

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine('gantry', { separate: true });
  await loadBusybox(engine);
}, 120_000);
afterAll(() => engine.destroy(), 120_000);

const docker = (...args: string[]) => engine.docker(args, { timeout: 60_000 });
const ok = succeeding((args) => docker(...args));
const inspect = (name: string, format: string): Promise<string> => ok('inspect', '-f', format, name);
const health = ['--health-interval', '200ms', '--health-retries', '1', '--health-cmd', 'test -e /ok'];
/** Healthy from its start on, until /ok is taken away. */
const well = ['busybox', 'sh', '-c', 'touch /ok; trap "exit 0" TERM; while :; do sleep 0.1; done'];

async function told(name: string): Promise<Told[]> {
  const format = '{{.TimeNano}} {{.Action}}';
  const text = await ok('events', '--since', '1', '--until', `${Date.now() / 1000}`, '--filter', `container=${name}`, '--format', format);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ at: Number(line.slice(0, line.indexOf(' '))) / 1e6, action: line.slice(line.indexOf(' ') + 1) }));
}
const actions = async (name: string): Promise<string[]> =>
  (await told(name)).map(({ action }) => action).filter((action) => !action.startsWith('exec_'));
/** Its actions from `first` on, as soon as `last` is among them: a state can be read before its event is. */
async function actionsUpTo(name: string, first: string, last: string): Promise<string[]> {
  let seen: string[] = [];
  await until(`${name}'s event ${last}`, async () => {
    const all = await actions(name);
    seen = all.slice(Math.max(all.indexOf(first), 0));
    return seen.includes(last);
  });
  return seen;
}

async function makeUnhealthy(name: string): Promise<void> {
  await until(`${name} to be healthy`, async () => (await inspect(name, '{{.State.Health.Status}}')) === 'healthy');
  await ok('exec', name, 'rm', '/ok');
}

test('restart, by label: it is stopped and started again without a policy, and the events say why', async () => {
  await ok('run', '-d', '--name', 'again', '--label', 'gantry.unhealthy=restart', ...health, ...well);
  expect(await inspect('again', '{{.HostConfig.HealthcheckOnFailureAction}}')).toBe('restart');
  await makeUnhealthy('again');
  await until('its restart', async () => (await inspect('again', '{{.RestartCount}} {{.State.Health.Status}}')) === '1 healthy');
  const twiceWell = async () => (await actions('again')).filter((action) => action === 'health_status: healthy').length === 2;
  await until('its event of health', twiceWell);
  expect(await actionsUpTo('again', 'health_status: unhealthy', 'start')).toEqual([
    'health_status: unhealthy',
    'health_action: restart',
    'kill',
    'die',
    'start',
    'health_status: healthy',
  ]);
  await ok('stop', 'again'); // a user's stop is one
  expect(await inspect('again', '{{.State.Status}}')).toBe('exited');
  await ok('rm', 'again');
}, 60_000);

test("one that is never healthy is restarted with the policy's growing pauses", async () => {
  await ok(
    'run',
    '-d',
    '--name',
    'never',
    '--label',
    'gantry.unhealthy=restart',
    ...health,
    'busybox',
    'sh',
    '-c',
    'trap "exit 0" TERM; while :; do sleep 0.05; done',
  );
  await until('four restarts', async () => Number(await inspect('never', '{{.RestartCount}}')) >= 4, 60_000);
  await ok('rm', '-f', 'never');
  await actionsUpTo('never', 'create', 'destroy');
  const all = (await told('never')).filter(({ action }) => action === 'die' || action === 'start');
  const pauses = all.flatMap(({ action, at }, i) => (action === 'start' && i > 0 ? [at - (all[i - 1]?.at ?? at)] : []));
  for (const [i, least] of [100, 200, 400].entries()) expect(pauses[i]).toBeGreaterThanOrEqual(least);
}, 90_000);

test('stop, by the API: it stays stopped whatever its policy says', async () => {
  const made = await callApi(engine, 'POST', '/containers/create?name=rests', {
    Image: 'busybox',
    Cmd: well.slice(1),
    Healthcheck: { Test: ['CMD-SHELL', 'test -e /ok'], Interval: 2e8, Retries: 1 },
    HostConfig: { HealthcheckOnFailureAction: 'stop', RestartPolicy: { Name: 'always' } },
  });
  expect(made.status).toBe(201);
  await ok('start', 'rests');
  await makeUnhealthy('rests');
  await until('its end', async () => (await inspect('rests', '{{.State.Status}}')) === 'exited');
  const unhealthy = 'health_status: unhealthy';
  expect(await actionsUpTo('rests', unhealthy, 'stop')).toEqual([unhealthy, 'health_action: stop', 'kill', 'die', 'stop']);
  expect(await inspect('rests', '{{.RestartCount}}')).toBe('0');
  await ok('rm', 'rests');
}, 60_000);

test('kill: what follows is the policy; an update changes the action of a container that runs', async () => {
  await ok('run', '-d', '--name', 'hit', '--restart', 'on-failure', '--label', 'gantry.unhealthy=none', ...health, ...well);
  await makeUnhealthy('hit');
  await until('it to be unhealthy', async () => (await inspect('hit', '{{.State.Health.Status}}')) === 'unhealthy');
  expect(await inspect('hit', '{{.State.Status}} {{.RestartCount}}')).toBe('running 0');
  const update = (body: object) => callApi(engine, 'POST', '/containers/hit/update', body);
  expect(await update({ HealthcheckOnFailureAction: 'explode' })).toMatchObject({
    status: 400,
    message: expect.stringContaining('"explode"'),
  });
  expect(await update({ HealthcheckOnFailureAction: 'kill' })).toMatchObject({ status: 200 });
  await until('its restart', async () => (await inspect('hit', '{{.RestartCount}}')) === '1');
  await actionsUpTo('hit', 'create', 'health_action: kill');
  await ok('rm', '-f', 'hit');
}, 60_000);

test('an action that the death of the supervisor cuts short is done to its end, and told once', async () => {
  const deaf = ['busybox', 'sh', '-c', 'touch /ok; trap "" TERM; while :; do sleep 0.1; done'];
  await ok('run', '-d', '--name', 'deaf', '--stop-timeout', '4', '--label', 'gantry.unhealthy=stop', ...health, ...deaf);
  await makeUnhealthy('deaf');
  await until('the action to begin', async () => (await actions('deaf')).includes('kill'));
  for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
  await until('its end', async () => (await docker('inspect', '-f', '{{.State.Status}}', 'deaf')).stdout.trim() === 'exited', 60_000);
  const seen = await actionsUpTo('deaf', 'create', 'stop');
  for (const once of ['health_action: stop', 'die', 'stop']) expect(seen.filter((action) => action === once)).toEqual([once]);
  await ok('rm', 'deaf');
}, 90_000);

test("words that are none are refused by name, and an image's label is no word", async () => {
  const refused = await docker('create', '--label', 'gantry.unhealthy=explode', 'busybox');
  expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining('"explode"; use one of')]);
  const rm = await docker('create', '--rm', '--label', 'gantry.unhealthy=restart', 'busybox');
  expect(rm.stderr).toContain("can't restart an unhealthy 'AutoRemove' container");
  const both = await callApi(engine, 'POST', '/containers/create', {
    Image: 'busybox',
    Labels: { 'gantry.unhealthy': 'stop' },
    HostConfig: { HealthcheckOnFailureAction: 'kill' },
  });
  expect([both.status, both.message]).toEqual([400, expect.stringContaining('contradicts')]);
  const idle = await docker('create', '--name', 'idle', '--label', 'gantry.unhealthy=stop', 'busybox');
  expect(idle.stderr).toContain('has no health check');
  await ok('commit', '--change', 'LABEL gantry.unhealthy=kill', 'idle', 'labelled');
  await ok('create', '--name', 'plain', 'labelled');
  expect(await inspect('plain', '{{.HostConfig}}')).not.toContain('kill');
  await ok('rm', 'idle', 'plain');
  await ok('rmi', 'labelled');
}, 60_000);
