import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callApi, describeEngine, type Registry, startRegistry, until } from './harness';
import { makePlugin } from './plugins/make';

interface Shown {
  readonly Id: string;
  readonly Enabled: boolean;
  readonly PluginReference: string;
  readonly Settings: {
    readonly Env: readonly string[];
    readonly Args: readonly string[];
    readonly Mounts: readonly { readonly Name: string; readonly Source: string }[];
    readonly Devices: readonly { readonly Name: string; readonly Path: string }[];
  };
}

/** A plugin of one static program, which keeps volumes and logs and is asked for leave (plugins/keeper.c). */
describeEngine(
  'managed plugins',
  (suite) => {
    const { ok, docker } = suite;
    let folder: string;
    let registry: Registry | undefined;
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await docker(args);
      expect(code).not.toBe(0);
      return stderr;
    };
    const inspect = async (name: string): Promise<Shown> => (JSON.parse(await ok('plugin', 'inspect', name)) as Shown[])[0] as Shown;
    /** Where the host sees what the plugin keeps. */
    const kept = (id: string, ...path: string[]): string =>
      join(suite.engine.root, 'supervisor', 'plugins', id, 'propagated-mount', ...path);

    beforeAll(async () => {
      mkdirSync(join(suite.engine.folder, 'given'));
      writeFileSync(join(suite.engine.folder, 'given', 'word'), 'heard\n');
      folder = makePlugin(suite.engine, 'keeper', {
        description: 'keeps volumes',
        args: { name: 'words', settable: ['value'], value: ['first'] },
        env: [
          { name: 'COLOR', settable: ['value'], value: 'red' },
          { name: 'MOUNTS', settable: ['value'], value: null },
          { name: 'NODE', settable: ['value'], value: null },
        ],
        interface: { socket: 'keeper.sock', types: ['docker.volumedriver/1.0', 'docker.logdriver/1.0', 'docker.authz/1.0'] },
        mounts: [
          { name: 'given', settable: ['source'], source: '/dev', destination: '/given', type: 'bind', options: ['rbind', 'ro'] },
          { name: 'fixed', source: '/dev', destination: '/fixed', type: 'bind', options: ['rbind', 'ro'] },
        ],
        linux: {
          capabilities: ['CAP_SYS_ADMIN'],
          devices: [
            { name: 'node', settable: ['path'], path: '/dev/null' },
            { name: 'zero', path: '/dev/zero' },
          ],
        },
        propagatedMount: '/data',
      });
      await ok('plugin', 'create', 'keeper', folder);
    }, 120_000);
    afterAll(() => registry?.stop());

    test('one is made, enabled, used by containers, disabled and removed', async () => {
      expect(await ok('plugin', 'ls', '--format', '{{.Name}} {{.Description}} {{.Enabled}}')).toBe('keeper:latest keeps volumes false');
      expect(await refused('volume', 'create', '-d', 'keeper', 'far')).toContain('plugin keeper found but disabled');
      expect(await ok('plugin', 'enable', 'keeper')).toBe('keeper');
      expect(await refused('plugin', 'enable', 'keeper')).toContain('plugin already enabled: plugin keeper:latest is enabled');
      expect(await ok('info', '-f', '{{json .Plugins.Volume}}')).toBe('["local","keeper:latest"]');

      await ok('volume', 'create', '-d', 'keeper', 'far');
      await ok('run', '--rm', '-v', 'far:/far', 'busybox', 'touch', '/far/made');
      const { Id: id } = await inspect('keeper');
      expect(existsSync(kept(id, 'volumes', 'far', 'made'))).toBe(true);
      expect(await ok('volume', 'inspect', '-f', '{{.Driver}} {{.Mountpoint}}', 'far')).toBe(`keeper:latest ${kept(id, 'volumes', 'far')}`);
      for (const verb of ['disable', 'rm']) expect(await refused('plugin', verb, 'keeper')).toContain('plugin keeper:latest is in use');
      await ok('volume', 'rm', 'far');
      expect(await refused('plugin', 'rm', 'keeper')).toContain('plugin keeper:latest is enabled');
      await ok('plugin', 'disable', 'keeper');
      expect(await refused('plugin', 'disable', 'keeper')).toContain('plugin is already disabled');
      expect(await ok('plugin', 'ls', '-q', '--filter', 'enabled=true')).toBe('');
    }, 60_000);

    test('set changes what it starts with, and mounts that it makes are seen by containers', async () => {
      expect(await refused('plugin', 'set', 'keeper', 'SHAPE=round')).toContain('setting "SHAPE" not found in the plugin configuration');
      await ok('plugin', 'set', 'keeper', 'COLOR=blue', 'words=second', 'MOUNTS=yes');
      await ok('plugin', 'enable', 'keeper');
      const { Id: id, Settings } = await inspect('keeper');
      expect(Settings).toMatchObject({ Env: ['COLOR=blue', 'MOUNTS=yes'], Args: ['second'] });
      expect(readFileSync(kept(id, 'started'), 'utf8').trim().split('\n').at(-1)).toBe('second blue - 0');
      expect(await refused('plugin', 'set', 'keeper', 'COLOR=red')).toContain('cannot set on an active plugin');
      await ok('volume', 'create', '-d', 'keeper', 'mounted');
      expect(await ok('run', '--rm', '-v', 'mounted:/m', 'busybox', 'sh', '-c', 'grep -c "^kept /m tmpfs" /proc/mounts')).toBe('1');
      await ok('volume', 'rm', 'mounted');
      await ok('plugin', 'disable', 'keeper');
      await ok('plugin', 'set', 'keeper', 'MOUNTS=');
    }, 60_000);

    test('mounts and devices can be set where the configuration says so', async () => {
      const node = join(suite.engine.folder, 'node');
      execFileSync('mknod', [node, 'c', '10', '200']); // no node of every container's
      expect(await refused('plugin', 'set', 'keeper', 'fixed.source=/')).toContain('"fixed.source" is not settable');
      expect(await refused('plugin', 'set', 'keeper', 'zero=/dev/null')).toContain('"zero" is not settable');
      expect(await refused('plugin', 'set', 'keeper', 'given.type=tmpfs')).toContain('"given.type" is not settable');
      await ok('plugin', 'set', 'keeper', `given=${join(suite.engine.folder, 'given')}`, `node.path=${node}`, `NODE=${node}`);
      const { Id: id, Settings } = await inspect('keeper');
      expect(Settings.Mounts.map(({ Name, Source }) => [Name, Source])).toEqual([
        ['given', join(suite.engine.folder, 'given')],
        ['fixed', '/dev'],
      ]);
      expect(Settings.Devices.map(({ Name, Path }) => [Name, Path])).toEqual([
        ['node', node],
        ['zero', '/dev/zero'],
      ]);
      await ok('plugin', 'enable', 'keeper');
      expect(readFileSync(kept(id, 'started'), 'utf8').trim().split('\n').at(-1)).toBe('second blue heard 1');
      await ok('plugin', 'disable', 'keeper');
      await ok('plugin', 'set', 'keeper', 'node=/no/such');
      expect(await refused('plugin', 'enable', 'keeper')).toContain(
        'error gathering device information while adding custom device "/no/such"',
      );
      await ok('plugin', 'set', 'keeper', 'node=/dev/null', 'given=/no/such');
      expect(await refused('plugin', 'enable', 'keeper')).toContain('/no/such');
      await ok('plugin', 'set', 'keeper', 'given=/dev');
    }, 60_000);

    test('one keeps the lines of a container', async () => {
      await ok('plugin', 'enable', 'keeper');
      const { Id: id } = await inspect('keeper');
      await ok('run', '--rm', '--log-driver', 'keeper', 'busybox', 'echo', 'said aloud');
      await until('the line', () => readFileSync(kept(id, 'log'), 'latin1').includes('said aloud'));
      await ok('plugin', 'disable', 'keeper');
    }, 60_000);

    test('one is pushed, installed by another name, upgraded and removed', async () => {
      registry = await startRegistry(suite.engine);
      const remote = `${registry.name}/store/keeper:1`;
      await ok('plugin', 'create', remote, folder);
      expect(await ok('plugin', 'push', remote)).toMatch(/^[0-9a-f]{12}: Upload complete$/m);
      await ok('plugin', 'rm', remote);
      const denied = await docker(['plugin', 'install', '--alias', 'other', remote], { input: 'n\n' });
      expect(denied.stdout).toContain('capabilities: [CAP_SYS_ADMIN]');
      expect(await ok('plugin', 'ls', '--format', '{{.Name}}')).toBe('keeper:latest');
      expect(await ok('plugin', 'install', '--grant-all-permissions', '--alias', 'other', remote, 'COLOR=green')).toContain(
        `Installed plugin ${remote}`,
      );
      expect(await inspect('other')).toMatchObject({ Enabled: true, PluginReference: remote, Settings: { Env: ['COLOR=green'] } });
      expect(await refused('plugin', 'install', '--grant-all-permissions', '--alias', 'other', remote)).toContain(
        'plugin other:latest already exists',
      );
      await ok('plugin', 'disable', 'other');
      await ok('plugin', 'upgrade', '--grant-all-permissions', 'other');
      await ok('plugin', 'enable', 'other');
      await ok('volume', 'create', '-d', 'other', 'held');
      await ok('plugin', 'rm', '-f', 'other');
      await ok('volume', 'rm', '-f', 'held');
      expect(await refused('plugin', 'inspect', 'other')).toContain('other');
    }, 120_000);

    test('one that its registry does not have wants nothing, and is told of where it is pulled', async () => {
      const remote = `${registry?.name}/store/nobody:1`;
      const { status, body } = await callApi(suite.engine, 'GET', `/plugins/privileges?remote=${encodeURIComponent(remote)}`);
      expect([status, body.trim()]).toEqual([200, '[]']);
      expect(await refused('plugin', 'install', '--grant-all-permissions', remote)).toContain('error resolving plugin reference');
    });

    test('events tell of it', async () => {
      const told = await ok(
        'events',
        '--since',
        '0',
        '--until',
        `${Math.ceil(Date.now() / 1000) + 1}`, // older clients cut a duration to whole seconds
        '--filter',
        'type=plugin',
        '--format',
        '{{.Action}} {{.Actor.Attributes.name}}',
      );
      for (const line of ['create keeper:latest', 'enable keeper', 'disable keeper', 'pull other:latest', 'remove other'])
        expect(`\n${told}\n`).toContain(`\n${line}\n`);
    });

    test('it goes on when the supervisor is killed, and is started again when it ends itself', async () => {
      await ok('plugin', 'enable', 'keeper');
      const { Id: id } = await inspect('keeper');
      await ok('volume', 'create', '-d', 'keeper', 'lasting');
      await ok('run', '-d', '--name', 'user', '-v', 'lasting:/far', 'busybox', 'sleep', '1000');
      const starts = (): number => readFileSync(kept(id, 'started'), 'utf8').trim().split('\n').length;
      const before = starts();
      await suite.engine.killService('gantry-supervisor');
      await until('the engine to answer again', async () => (await docker(['ps'])).code === 0);
      await ok('exec', 'user', 'touch', '/far/made');
      expect([existsSync(kept(id, 'volumes', 'lasting', 'made')), starts()]).toEqual([true, before]);
      const { stdout } = await suite.engine.onHost('ctr', [
        '-a',
        join(suite.engine.run, 'supervisor.sock'),
        '-n',
        'plugins.moby',
        'tasks',
        'ls',
      ]);
      const pid = Number(new RegExp(`${id}\\s+(\\d+)\\s+RUNNING`).exec(stdout)?.[1]);
      process.kill(pid, 'SIGKILL');
      await until('another start', () => starts() === before + 1);
      await until('its answers', async () => (await docker(['volume', 'create', '-d', 'keeper', 'more'])).code === 0);
      await ok('rm', '-f', 'user');
      await ok('volume', 'rm', 'lasting', 'more');
      await ok('plugin', 'rm', '-f', 'keeper');
      expect(readdirSync(join(suite.engine.root, 'supervisor', 'plugins'))).toEqual([]);
    }, 120_000);
  },
  { separate: true },
);
