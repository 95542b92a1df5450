import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine } from './harness';

describeEngine('what programs and people look at', (suite) => {
  const { ok, docker } = suite;

  test('every root has what docker puts into it, and none of it counts as written', async () => {
    expect(await ok('run', '--name', 'fresh', 'busybox', 'sh', '-c', 'ls /.dockerenv; readlink /etc/mtab')).toBe(
      '/.dockerenv\n/proc/mounts',
    );
    expect(await ok('diff', 'fresh')).toBe('');
    expect(await ok('ps', '-as', '--filter', 'name=^/fresh$', '--format', '{{.Size}}')).toMatch(/^0B \(virtual /);
    await ok('rm', 'fresh');
  });

  test('the size is that of the files', async () => {
    await ok('run', '--name', 'sized', 'busybox', 'sh', '-c', 'mkdir /d; head -c 1000 /dev/zero > /d/a; ln /d/a /d/b; ln -s x /d/c');
    expect(await ok('inspect', '-s', '-f', '{{.SizeRw}}', 'sized')).toBe('1001');
    await ok('rm', 'sized');
  });

  test('export leaves volumes out', async () => {
    await ok('run', '--name', 'exported', '-v', '/volume', 'busybox', 'sh', '-c', 'touch /volume/in /out');
    const archive = join(suite.engine.folder, 'exported.tar');
    await ok('export', '-o', archive, 'exported');
    const names = (await suite.engine.onHost('tar', ['tf', archive])).stdout.split('\n').map((name) => name.replace(/^\.\//, ''));
    expect(names).toEqual(expect.arrayContaining(['out', 'volume/', '.dockerenv']));
    expect(names).not.toContain('volume/in');
    await ok('rm', '-v', 'exported');
  });

  test('cp reads hosts of a container that never ran, and refuses a read-only volume of one that stopped', async () => {
    await ok('create', '--name', 'copied', '-v', 'readonly:/ro:ro', 'busybox', 'true');
    await ok('cp', 'copied:/etc/hosts', join(suite.engine.folder, 'hosts'));
    await ok('start', '-a', 'copied');
    expect((await docker(['cp', '-', 'copied:/ro'], { input: Buffer.alloc(1024) })).stderr).toMatch(/mounted volume is marked read-only/);
    await ok('rm', 'copied');
    await ok('volume', 'rm', 'readonly');
  });

  test('an exec that cannot be made tells why on its stream', async () => {
    await ok('run', '-d', '--name', 'executes', 'busybox', 'sleep', '600');
    const unknown = await docker(['exec', '-u', 'nobody-here', 'executes', 'id']);
    expect([[1, 126], unknown.stdout + unknown.stderr]).toEqual([
      expect.arrayContaining([unknown.code]), // 126 of dockerd 20.10, which looks at the start
      expect.stringContaining('unable to find user nobody-here: no matching entries in passwd file'),
    ]);
    const relative = await docker(['exec', '-w', 'relative', 'executes', 'pwd']);
    expect([relative.code, relative.stdout + relative.stderr]).toEqual([126, expect.stringContaining('Cwd must be an absolute path')]);
    await ok('rm', '-f', 'executes');
  });

  test('a file on a directory: the advice that docker gives', async () => {
    const file = join(suite.engine.folder, 'a-file');
    writeFileSync(file, '');
    const refused = await docker(['run', '--rm', '-v', `${file}:/etc`, 'busybox', 'true']);
    expect([refused.code, refused.stderr]).toEqual([
      125,
      expect.stringMatching(
        /OCI runtime create failed.*not a directory.*Are you trying to mount a directory onto a file \(or vice-versa\)\?/,
      ),
    ]);
  });

  test('propagation that the source cannot have is refused', async () => {
    const source = join(suite.engine.folder, 'propagates');
    mkdirSync(source);
    await suite.engine.onHost('mount', ['--bind', source, source]);
    await suite.engine.onHost('mount', ['--make-private', source]);
    const refused = await docker(['run', '--rm', '--mount', `type=bind,src=${source},dst=/x,bind-propagation=rshared`, 'busybox', 'true']);
    expect(refused.stderr).toContain(`path ${source} is mounted on ${source} but it is not a shared mount`);
    await suite.engine.onHost('umount', [source]);
  });

  test('a host without message queues shares what it has', async () => {
    expect(await ok('run', '--rm', '--ipc', 'host', 'busybox', 'echo', 'shared')).toBe('shared');
  });

  test('logs of the local driver, and details without attributes', async () => {
    await ok('run', '--name', 'local', '--log-driver', 'local', 'busybox', 'echo', 'kept');
    expect(await ok('logs', '--details', 'local')).toBe(' kept');
    expect(await ok('inspect', '-f', '{{.LogPath}}', 'local')).toBe('');
    await ok('rm', 'local');
  });

  test('ps finds a name with its slash', async () => {
    await ok('create', '--name', 'slashed', 'busybox', 'true');
    for (const text of ['^/slashed$', '^slashed$', '/slashed', 'lash'])
      expect(await ok('ps', '-a', '--filter', `name=${text}`, '--format', '{{.Names}}')).toBe('slashed');
    await ok('rm', 'slashed');
  });

  test('update refuses a second way to tell a limit', async () => {
    await ok('run', '-d', '--name', 'limited', '--cpus', '0.5', 'busybox', 'sleep', '600');
    expect((await docker(['update', '--cpu-quota', '50000', 'limited'])).stderr).toMatch(
      /CPU Quota cannot be updated as NanoCPUs has already been set/,
    );
    await ok('rm', '-f', 'limited');
  });
});
