import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, until } from './harness';
import { makePlugin } from './plugins/make';

/** A managed plugin that is asked for leave (plugins/keeper.c): what names "forbidden" is refused. */
describeEngine(
  'a managed authorization plugin',
  (suite) => {
    const { ok, docker } = suite;
    const asks = async (): Promise<string> => (await docker(['volume', 'inspect', 'forbidden'])).stderr.replace('No such', 'no such'); // as of older CLIs
    const denied = 'authorization denied by plugin warden:latest: not here';
    const taskPid = async (id: string): Promise<number> => {
      const socket = join(suite.engine.run, 'supervisor.sock');
      const { stdout } = await suite.engine.onHost('ctr', ['-a', socket, '-n', 'plugins.moby', 'tasks', 'ls']);
      return Number(new RegExp(`${id}\\s+(\\d+)\\s+RUNNING`).exec(stdout)?.[1]);
    };
    /** As a user does: the file, and a signal. */
    const setPlugins = (...names: string[]): void => {
      writeFileSync(join(suite.engine.folder, 'config', 'gateway.yaml'), JSON.stringify({ 'authorization-plugins': names }));
      for (const pid of suite.engine.pids('gantryd')) process.kill(pid, 'SIGHUP');
    };

    beforeAll(async () => {
      const folder = makePlugin(suite.engine, 'keeper', {
        description: 'is asked for leave',
        interface: { socket: 'keeper.sock', types: ['docker.authz/1.0'] },
      });
      await ok('plugin', 'create', 'warden', folder);
      await ok('plugin', 'enable', 'warden');
    }, 120_000);

    test('is asked once the list names it, and denies in its own words', async () => {
      expect(await asks()).toContain('no such volume');
      setPlugins('warden');
      await until('it to be asked', async () => (await asks()).includes(denied));
      expect(await ok('info', '-f', '{{json .Plugins.Authorization}}')).toBe('["warden"]');
      expect(await ok('run', '--rm', 'busybox', 'echo', 'allowed')).toBe('allowed');
      expect((await docker(['run', '--rm', '--name', 'forbidden', 'busybox', 'true'])).stderr).toContain(denied);
    }, 60_000);

    test('denies when the supervisor was killed, and when it ended itself and came again', async () => {
      await suite.engine.killService('gantry-supervisor');
      expect(await asks()).toContain(denied);
      await until('the engine to answer again', async () => (await docker(['ps'])).code === 0);
      expect(await asks()).toContain(denied);
      const pid = await taskPid(await ok('plugin', 'inspect', '-f', '{{.Id}}', 'warden'));
      process.kill(pid, 'SIGKILL');
      await until('its answers', async () => (await asks()).includes(denied));
    }, 90_000);

    test('denies from the first request on when the engine starts as after a reboot', async () => {
      await ok('run', '-d', '--name', 'lasting', '--restart', 'always', 'busybox', 'sleep', '1000');
      await suite.engine.reboot();
      await suite.engine.start();
      expect(await asks()).toContain(denied);
      expect(await ok('plugin', 'ls', '--format', '{{.Name}} {{.Enabled}}')).toBe('warden:latest true');
      await until('the container', async () => (await docker(['exec', 'lasting', 'true'])).code === 0);
      await ok('rm', '-f', 'lasting');
    }, 120_000);

    test('is asked no more when it is disabled, until it is enabled and the list is read anew', async () => {
      await ok('plugin', 'disable', 'warden');
      expect(await asks()).toContain('no such volume');
      await ok('plugin', 'enable', 'warden');
      expect(await asks()).toContain('no such volume');
      setPlugins('warden');
      await until('it to be asked', async () => (await asks()).includes(denied));
      setPlugins();
      await until('it to be forgotten', async () => (await asks()).includes('no such volume'));
      await ok('plugin', 'rm', '-f', 'warden');
      expect(await ok('plugin', 'ls', '-q')).toBe('');
    }, 60_000);
  },
  { separate: true, config: { gateway: '{}' } },
);
