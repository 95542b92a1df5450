import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundles, command, type CommandResult, type Engine, loadBusybox, pinnedNode, startEngine, until } from './harness';

/** What docker has no command for; its own clients see the outcome. */
describe('mounts and environment of a container that exists', () => {
  let engine: Engine;
  let site: string;
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
    site = join(engine.folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'x'), 'site\n');
  }, 120_000);
  afterAll(() => engine.destroy(), 120_000);

  const gantry = (...args: string[]): Promise<CommandResult> =>
    command(pinnedNode, [join(bundles, 'gantry.cjs'), ...args, '-H', `unix://${engine.socket}`]);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };
  const done: CommandResult = { code: 0, stdout: '', stderr: '' };
  const destinations = (name: string): Promise<string> => ok('inspect', '-f', '{{range .Mounts}}{{.Destination}} {{end}}', name);

  test('hold from the next start on, whoever starts it', async () => {
    await ok('run', '-d', '--name', 'web', '-e', 'A=1', '-e', 'B=1', '-v', 'old:/old', 'busybox', 'sleep', '1000');
    expect(await gantry('set-env', 'web', 'A=2', 'C=3')).toEqual(done);
    expect(await gantry('unset-env', 'web', 'B')).toEqual(done);
    expect(await gantry('mount', 'web', `${site}:/site:ro`, 'type=volume,source=www,target=/var/www', 'type=tmpfs,target=/t')).toEqual(
      done,
    );
    expect(await gantry('unmount', 'web', '/old')).toEqual(done);
    expect(await ok('inspect', '-f', '{{json .Config.Env}} {{json .HostConfig.Binds}}', 'web')).toMatch(
      /^\["A=2",.*"C=3"\] \["[^"]*:\/site:ro"\]$/,
    );
    expect(await destinations('web')).toBe('/old');
    expect(await ok('exec', 'web', 'sh', '-c', 'ls -d /old /site 2>&1; true')).toContain('/site: No such file');
    expect((await engine.docker(['volume', 'rm', 'old'])).stderr).toContain('volume is in use');
    await ok('restart', '-t', '0', 'web');
    const look = 'echo $A$B$C; cat /site/x; ls /var/www; grep -c " /t tmpfs" /proc/mounts; grep -c " /old " /proc/mounts';
    expect(await ok('exec', 'web', 'sh', '-c', `${look}; true`)).toBe('23\nsite\nindex.html\n1\n0');
    expect((await destinations('web')).split(' ').sort()).toEqual(['/site', '/t', '/var/www']);
    await until('the volume to be free', async () => (await engine.docker(['volume', 'rm', 'old'])).code === 0);
    expect((await engine.docker(['volume', 'rm', 'www'])).stderr).toContain('volume is in use');
  });

  test('are one or the other when the supervisor dies in the middle', async () => {
    await ok('create', '--name', 'later', 'busybox', 'sh', '-c', 'env; ls -d /v*');
    for (let turn = 0; turn < 8; turn++) {
      const asked = gantry('mount', 'later', `v${turn}:/v${turn}`, `type=volume,target=/vx${turn}`);
      await new Promise((resolve) => setTimeout(resolve, 150 + turn * 15)); // the command starts a Node first
      for (const pid of engine.pids('gantry-supervisor')) process.kill(pid, 'SIGKILL');
      await asked;
      const binds = await ok('inspect', '-f', '{{json .HostConfig.Binds}}', 'later');
      const isAsked = binds.includes(`v${turn}:`);
      expect((await destinations('later')).split(' ').includes(`/v${turn}`)).toBe(isAsked);
      expect((await destinations('later')).split(' ').includes(`/vx${turn}`)).toBe(isAsked);
      // What the record does not know is held by nobody.
      if (!isAsked)
        await until(`v${turn} to be free`, async () => {
          const { code, stderr } = await engine.docker(['volume', 'rm', `v${turn}`]);
          return code === 0 || /no such volume/i.test(stderr);
        });
    }
    expect(await gantry('set-env', 'later', 'LATE=yes')).toEqual(done);
    const mounted = (await destinations('later')).split(' ').filter((path) => /^\/v/.test(path));
    const output = (await ok('start', '-a', 'later')).split('\n');
    expect(output).toContain('LATE=yes');
    expect(output.filter((line) => /^\/vx?\d/.test(line)).sort()).toEqual(mounted.sort());
    await ok('rm', '-v', 'later');
    const anonymous = (await ok('volume', 'ls', '-q')).split('\n').filter((name) => /^[0-9a-f]{64}$/.test(name));
    expect(anonymous).toEqual([]);
  }, 180_000);

  test('are refused by name', async () => {
    await ok('create', '--name', 'plain', '-v', '/data', 'busybox', 'true');
    const refused = async (...args: string[]): Promise<string> => (await gantry(...args)).stderr;
    expect(await refused('unmount', 'plain', '/none')).toBe('Error response from daemon: nothing is mounted at /none in container plain\n');
    expect(await refused('unset-env', 'plain', 'NONE')).toBe(
      'Error response from daemon: environment variable NONE is not set in container plain\n',
    );
    expect(await refused('set-env', 'plain', 'NONE')).toBe('Error response from daemon: invalid environment variable: NONE\n');
    expect(await refused('mount', 'plain', '/a:/b', '/c:/b')).toBe('Error response from daemon: Duplicate mount point: /b\n');
    expect(await refused('mount', 'plain', 'type=image,source=busybox,target=/i')).toContain(
      'an image can be mounted only when the container is made',
    );
    expect(await refused('mount', 'nobody', '/a:/b')).toBe('Error response from daemon: No such container: nobody\n');
  });
});
