import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEngine, until } from './harness';

describeEngine('docker cp', (suite) => {
  const { ok, docker } = suite;

  test.each([
    ['a running container', ['run', '-d']],
    ['a created container', ['create']],
  ])('in and out of %s', async (_what, verb) => {
    const dir = join(suite.engine.folder, `cp-${verb[0]}`);
    mkdirSync(join(dir, 'tree/sub'), { recursive: true });
    writeFileSync(join(dir, 'tree/sub/file'), 'content\n', { mode: 0o640 });
    symlinkSync('sub/file', join(dir, 'tree/link'));
    await ok(...verb, '--name', 'box', 'busybox', 'sleep', '600');
    await ok('cp', join(dir, 'tree'), 'box:/tmp/');
    await ok('cp', 'box:/tmp/tree/sub/file', join(dir, 'back'));
    expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('content\n');
    expect(statSync(join(dir, 'back')).mode & 0o777).toBe(0o640);
    await ok('cp', 'box:/tmp/tree', join(dir, 'tree2'));
    expect(readFileSync(join(dir, 'tree2/link'), 'utf8')).toBe('content\n');
    expect((await docker(['cp', 'box:/no/such', dir])).stderr).toMatch(
      /Could not find the file \/no\/such in container box|No such container:path: box:\/no\/such/,
    ); // the latter is what clients before 23 say
    if (verb[0] === 'run') expect(await ok('exec', 'box', 'cat', '/tmp/tree/link')).toBe('content');
    await ok('rm', '-f', 'box');
  });

  test('a link that points out of the container stays inside it', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'evil',
      'busybox',
      'sh',
      '-c',
      'ln -s /etc /tmp/out; ln -s ../../../../../../etc/hostname /tmp/up; sleep 600',
    );
    await until('the links', async () => (await docker(['exec', 'evil', 'test', '-L', '/tmp/up'])).code === 0);
    const file = join(suite.engine.folder, 'payload');
    writeFileSync(file, 'payload\n');
    await ok('cp', file, 'evil:/tmp/out/gantry-payload');
    expect(() => statSync('/etc/gantry-payload')).toThrow();
    expect(await ok('exec', 'evil', 'cat', '/etc/gantry-payload')).toBe('payload');
    await ok('rm', '-f', 'evil');
  });

  test('what is copied before the first start lands in the volumes', async () => {
    const dir = join(suite.engine.folder, 'cp-volumes');
    mkdirSync(join(dir, 'bound'), { recursive: true });
    writeFileSync(join(dir, 'hi'), 'hi\n');
    writeFileSync(join(dir, 'bound', 'there'), 'there\n');
    await ok(
      'create',
      '--name',
      'early',
      '-v',
      '/vol',
      '-v',
      `${join(dir, 'bound')}:/deep/er/mount`,
      'busybox',
      'cat',
      '/vol/hi',
      '/deep/er/mount/hi',
    );
    expect((await docker(['cp', 'early:/deep/er/mount/there', join(dir, 'back')])).code).toBe(0);
    for (const place of ['/vol', '/deep/er/mount']) await ok('cp', join(dir, 'hi'), `early:${place}/`);
    expect(readFileSync(join(dir, 'bound', 'hi'), 'utf8')).toBe('hi\n');
    expect(await ok('start', '-a', 'early')).toBe('hi\nhi');
    expect(await ok('run', '--rm', '--volumes-from', 'early', 'busybox', 'cat', '/vol/hi')).toBe('hi');
    await ok('rm', '-fv', 'early');
  });
});
