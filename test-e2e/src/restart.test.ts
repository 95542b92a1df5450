import { request } from 'node:http';
import { loadBusybox, startEngine, until, type Engine } from './harness';

/** A call that only the killed service can answer. */
const services = {
  gantryd: '/_ping',
  'gantry-supervisor': '/containers/json',
  'gantry-images': '/images/json',
  'gantry-network': '/networks',
  'gantry-shim': '/containers/one/top',
  'gantry-build': '/system/df?type=build-cache',
} as const;
const kills = 10;

function status(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false }, (answer) => answer.resume().once('end', () => resolve(answer.statusCode ?? 0)))
      .once('error', reject)
      .end();
  });
}

test('services end with their launcher, however it ends, and the next one has the containers', async () => {
  const engine = await startEngine('gantry', { separate: true });
  try {
    await loadBusybox(engine);
    expect(await engine.docker(['run', '-d', '--name', 'kept', 'busybox', 'sleep', '6000'])).toMatchObject({ code: 0 });
    await engine.halt('SIGKILL');
    await until('all services to end', () => Object.keys(services).every((service) => engine.pids(service).length === 0));
    await engine.start();
    expect((await engine.docker(['exec', 'kept', 'echo', 'here'])).stdout).toBe('here\n');
  } finally {
    await engine.destroy();
  }
}, 180_000);

describe('a call made while a service restarts waits and is answered', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
    expect(await engine.docker(['run', '-d', '--name', 'one', 'busybox', 'sleep', '6000'])).toMatchObject({ code: 0 });
  }, 120_000);
  afterAll(() => engine.destroy(), 120_000);

  test.each(Object.entries(services))(
    `%s, killed ${kills} times`,
    async (service, path) => {
      const times: number[] = [];
      for (let kill = 0; kill < kills; kill++) {
        await until(`${service} to run`, () => engine.pids(service).length > 0);
        const begun = performance.now();
        const dead = engine.pids(service);
        for (const pid of dead) process.kill(pid, 'SIGKILL');
        await until('its end', () => !engine.pids(service).some((pid) => dead.includes(pid)));
        const answers = await Promise.allSettled(Array.from({ length: 5 }, () => status(engine.socket, path)));
        times.push(performance.now() - begun);
        expect(answers).toEqual(answers.map(() => ({ status: 'fulfilled', value: 200 })));
      }
      process.stdout.write(`${service}: ms from SIGKILL to the answer: ${times.map((time) => time.toFixed(0)).join(' ')}\n`);
      // No pause between them: the tenth comes back as the first does.
      expect(Math.max(...times.slice(-3))).toBeLessThan(Math.max(1000, 3 * Math.max(...times.slice(0, 3))));
    },
    120_000,
  );
});
