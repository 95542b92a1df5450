import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadBusybox, startEngine, until, type Engine } from './harness';

/** What docker sees when the process that keeps a container's output and exit status is killed. */
describe('a monitor that is killed', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);

  test('ends its container, which says so; a policy starts it again', async () => {
    const inspect = async (name: string, format: string) => (await engine.docker(['inspect', '-f', format, name])).stdout.trim();
    for (const [name, policy] of [
      ['once', 'no'],
      ['again', 'always'],
    ] as const)
      await engine.docker(['run', '-d', '--name', name, '--restart', policy, 'busybox', 'sleep', '6000']);
    for (const name of ['once', 'again']) {
      const task = join(engine.run, 'tasks/gantry', await inspect(name, '{{.Id}}'), 'monitor.json');
      process.kill((JSON.parse(readFileSync(task, 'utf8')) as { monitor_pid: number }).monitor_pid, 'SIGKILL');
    }
    await until('the end of one', async () => (await inspect('once', '{{.State.Status}}')) === 'exited');
    expect(await inspect('once', '{{.State.ExitCode}} {{.State.Error}}')).toBe('137 monitor lost');
    await until('the other to run again', async () => (await inspect('again', '{{.State.Status}} {{.RestartCount}}')) === 'running 1');
    expect(await inspect('again', '{{.State.Error}}')).toBe('');
    expect((await engine.docker(['start', 'once'])).code).toBe(0);
    expect(await inspect('once', '{{.State.Error}}')).toBe('');
  }, 180_000);
});
