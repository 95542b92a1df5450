import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, ended, pinnedNode, pruneVolumes, until } from './harness';

/** A plugin that keeps volumes in a folder: its socket, the folder, and the file that has what it was asked. */
const PLUGIN = `
const { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } = require('node:fs');
const [socket, folder, asked] = process.argv.slice(1);
require('node:http').createServer((request, response) => {
  let text = '';
  request.on('data', (part) => (text += part));
  request.on('end', () => {
    const { Name = '' } = JSON.parse(text || '{}');
    const verb = request.url.replace('/VolumeDriver.', '');
    appendFileSync(asked, verb + ' ' + Name + '\\n');
    const path = folder + '/' + Name;
    const answer = {
      '/Plugin.Activate': () => ({ Implements: ['VolumeDriver'] }),
      Create: () => (mkdirSync(path), {}),
      Get: () => (existsSync(path) ? { Volume: { Name, Mountpoint: path } } : { Err: 'no such volume' }),
      List: () => ({ Volumes: readdirSync(folder).map((Name) => ({ Name })) }),
      Remove: () => (rmSync(path, { recursive: true }), {}),
      Mount: () => ({ Mountpoint: path }),
    }[verb] ?? (() => ({}));
    response.end(JSON.stringify(answer()));
  });
}).listen(socket);
`;

describeEngine('volumes, binds and tmpfs', (suite) => {
  const { ok, docker } = suite;

  test('a named volume keeps data from one container to the next, and is in use meanwhile', async () => {
    await ok('run', '--rm', '-v', 'data:/data', 'busybox', 'sh', '-c', 'echo kept > /data/file');
    expect(await ok('run', '--rm', '--mount', 'type=volume,source=data,target=/other,readonly', 'busybox', 'cat', '/other/file')).toBe(
      'kept',
    );
    await ok('create', '--name', 'user', '-v', 'data:/data', 'busybox', 'true');
    const refused = await docker(['volume', 'rm', 'data']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/volume is in use/);
    await ok('rm', 'user');
    await ok('volume', 'rm', 'data');
    expect((await docker(['volume', 'inspect', 'data'])).code).toBe(1);
  });

  test('a plugin keeps volumes, and has them mounted while a container runs', async () => {
    if (suite.engine.kind !== 'gantry') return;
    const name = `kept${process.pid}`;
    const [sockets, folder, asked] = ['/run/docker/plugins', join(suite.engine.folder, 'far'), join(suite.engine.folder, 'asked')];
    const socket = join(sockets, `${name}.sock`);
    mkdirSync(sockets, { recursive: true });
    mkdirSync(folder);
    const plugin = spawn(pinnedNode, ['-e', PLUGIN, socket, folder, asked], { stdio: 'ignore' });
    const unmounts = (): number => readFileSync(asked, 'utf8').split('Unmount far\n').length - 1;
    try {
      await until('the plugin', () => existsSync(socket));
      await ok('volume', 'create', '-d', name, 'far');
      await ok(
        'run',
        '--name',
        'far-user',
        '-v',
        'far:/data',
        '-v',
        'www-far:/var/www',
        '--volume-driver',
        name,
        'busybox',
        'touch',
        '/data/made',
      );
      expect([existsSync(join(folder, 'far', 'made')), existsSync(join(folder, 'www-far', 'index.html'))]).toEqual([true, true]);
      expect(unmounts()).toBe(1); // the end is told when it is
      expect(await ok('volume', 'ls', '--filter', `driver=${name}`, '--format', '{{.Name}}')).toBe('far\nwww-far');
      // it has ended: what the plugin keeps is mounted for the copy
      await ok('cp', 'far-user:/data/made', join(suite.engine.folder, 'copied'));
      expect(unmounts()).toBe(2); // and over with the copy
      await ok('cp', join(suite.engine.folder, 'copied'), 'far-user:/data/copied');
      expect([existsSync(join(suite.engine.folder, 'copied')), existsSync(join(folder, 'far', 'copied'))]).toEqual([true, true]);
      await ok('rm', 'far-user');
      await ok('volume', 'rm', 'far', 'www-far');
      const verbs = readFileSync(asked, 'utf8')
        .split('\n')
        .filter((line) => / far$/.test(line) && !line.startsWith('Get'));
      const uses = Array.from({ length: verbs.length / 2 - 1 }, () => ['Mount far', 'Unmount far']).flat();
      expect(verbs).toEqual(['Create far', ...uses, 'Remove far']);
      expect(uses.length).toBeGreaterThan(2);
    } finally {
      plugin.kill('SIGKILL');
      await ended(plugin);
      rmSync(socket, { force: true });
    }
  }, 60_000);

  test('an empty volume is filled from the image', async () => {
    expect(await ok('run', '--rm', '-v', 'www:/var/www', 'busybox', 'cat', '/var/www/index.html')).toBe('hello from gantry');
    await ok('volume', 'rm', 'www');
  });

  test('volume create, ls with labels, inspect', async () => {
    expect(await ok('volume', 'create', '--label', 'a=b', 'made')).toBe('made');
    expect(await ok('volume', 'ls', '-q', '--filter', 'label=a=b')).toBe('made');
    expect(await ok('volume', 'inspect', '-f', '{{.Driver}} {{.Scope}} {{.Labels.a}}', 'made')).toBe('local local b');
    await ok('volume', 'rm', 'made');
  });

  test('bind mounts: read and write, read-only, missing source', async () => {
    const dir = join(suite.engine.folder, 'bind');
    mkdirSync(dir);
    writeFileSync(join(dir, 'in'), 'from the host\n');
    expect(await ok('run', '--rm', '-v', `${dir}:/b`, 'busybox', 'sh', '-c', 'cat /b/in; echo back > /b/out')).toBe('from the host');
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe('back\n');
    expect((await docker(['run', '--rm', '-v', `${dir}:/b:ro`, 'busybox', 'touch', '/b/no'])).stderr).toMatch(/Read-only file system/);
    const missing = await docker(['run', '--rm', '--mount', 'type=bind,source=/no/such/dir,target=/b', 'busybox', 'true']);
    expect(missing.code).toBe(125);
    expect(missing.stderr).toMatch(/bind source path does not exist: \/no\/such\/dir/);
  });

  test('tmpfs and a read-only root', async () => {
    const result = await ok(
      'run',
      '--rm',
      '--read-only',
      '--tmpfs',
      '/scratch:size=1m',
      'busybox',
      'sh',
      '-c',
      'touch /no 2>/dev/null || echo read-only; echo x > /scratch/f && grep " /scratch " /proc/mounts',
    );
    expect(result).toMatch(/^read-only\ntmpfs \/scratch tmpfs .*size=1024k/);
  });

  test('rm -v takes anonymous volumes along, rm alone does not', async () => {
    await ok('create', '--name', 'anon', '-v', '/data', 'busybox', 'true');
    expect(await ok('volume', 'ls', '-q')).toMatch(/^[0-9a-f]{64}$/);
    await ok('rm', '-v', 'anon');
    expect(await ok('volume', 'ls', '-q')).toBe('');
  });

  test('a volume that options mount is never pruned; events tell its use', async () => {
    const dir = join(suite.engine.folder, 'kept');
    mkdirSync(dir);
    await ok('volume', 'create', '--opt', 'type=none', '--opt', 'o=bind', '--opt', `device=${dir}`, 'bound');
    const since = String(Math.floor(Date.now() / 1000));
    await ok('run', '--rm', '-v', 'bound:/b', 'busybox', 'sh', '-c', 'echo kept > /b/file');
    const events = await ok(
      'events',
      '--since',
      since,
      '--until',
      String(Math.ceil(Date.now() / 1000) + 1),
      '--filter',
      'volume=bound',
      '--filter',
      'event=mount',
      '--filter',
      'event=unmount',
      '--format',
      '{{.Action}} {{index .Actor.Attributes "destination"}}',
    );
    expect(events.split('\n').map((line) => line.trim())).toEqual(['mount /b', 'unmount']);
    await ok(...pruneVolumes());
    expect(await ok('volume', 'ls', '-q')).toContain('bound');
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('kept\n');
    await ok('volume', 'rm', 'bound');
    const refused = await docker(['volume', 'create', '--opt', 'foo=bar', 'odd']);
    expect(refused.stderr).toMatch(/create odd: invalid option: "foo"/);
  });
});
