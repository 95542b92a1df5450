import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callApi, command, describeEngine, until } from './harness';

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

  test('a link to a directory is followed when the path ends as that of a directory', async () => {
    const script = 'mkdir -p /d/real/sub; echo hi > /d/real/f; ln -s real /d/rel; ln -s /d/real /d/abs; ln -s nowhere /d/broken; sleep 600';
    await ok('run', '-d', '--name', 'linked', 'busybox', 'sh', '-c', script);
    await until('the links', async () => (await docker(['exec', 'linked', 'test', '-L', '/d/broken'])).code === 0);
    const tar = async (path: string): Promise<string[]> => {
      const names = await command('sh', ['-c', `docker -H unix://${suite.engine.socket} cp linked:${path} - | tar tf -`]);
      return names.stdout.split('\n').filter(Boolean);
    };
    for (const name of ['rel', 'abs']) {
      expect(await tar(`/d/${name}`)).toEqual([name]);
      expect(await tar(`/d/${name}/`)).toEqual([`${name}/`, `${name}/f`, `${name}/sub/`]);
      expect(await tar(`/d/${name}/.`)).toEqual(['./', './f', './sub/']);
      const into = join(suite.engine.folder, `into-${name}`);
      mkdirSync(into);
      await ok('cp', `linked:/d/${name}/.`, into);
      expect(readdirSync(into).sort()).toEqual(['f', 'sub']);
    }
    expect(await tar('/d/broken')).toEqual(['broken']);
    for (const path of ['/d/real/f/', '/d/real/f/.', '/d/real/f/x'])
      expect((await docker(['cp', `linked:${path}`, '-'])).stderr).toContain(`${path}: not a directory`);
    await ok('rm', '-f', 'linked');
  });

  test("who owns what is copied: the container's user when that is asked for, if it has one", async () => {
    const file = join(suite.engine.folder, 'owned');
    writeFileSync(file, 'x');
    chownSync(file, 1234, 4321);
    const archive = (await command('sh', ['-c', `tar -C ${suite.engine.folder} --numeric-owner -cf - owned | base64 -w0`])).stdout;
    const owner = async (user: string, query: string): Promise<string> => {
      await ok('create', '--name', 'owner', ...(user === '' ? [] : ['-u', user]), 'busybox', 'sh', '-c', 'stat -c %u:%g /tmp/owned');
      const put = await callApi(suite.engine, 'PUT', `/containers/owner/archive?path=/tmp${query}`, Buffer.from(archive, 'base64'));
      const seen = put.status === 200 ? await ok('start', '-a', 'owner') : `${put.status} ${put.message}`;
      await ok('rm', 'owner');
      return seen;
    };
    expect(await owner('', '')).toBe('1234:4321');
    expect(await owner('', '&copyUIDGID=true')).toBe('1234:4321');
    expect(await owner('1000:1001', '')).toBe('1234:4321');
    expect(await owner('1000:1001', '&copyUIDGID=true')).toBe('1000:1001');
    expect(await owner('nobody-here', '&copyUIDGID=true')).toBe(
      '400 failed to look up user "nobody-here" in container: no matching entries in passwd file',
    );
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
