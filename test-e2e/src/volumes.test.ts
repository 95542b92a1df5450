import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine } from './harness';

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
    if ((await docker(['volume', 'prune', '-af'])).code !== 0) await ok('volume', 'prune', '-f'); // before API 1.42 all are pruned without being asked for
    expect(await ok('volume', 'ls', '-q')).toContain('bound');
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('kept\n');
    await ok('volume', 'rm', 'bound');
    const refused = await docker(['volume', 'create', '--opt', 'foo=bar', 'odd']);
    expect(refused.stderr).toMatch(/create odd: invalid option: "foo"/);
  });
});
