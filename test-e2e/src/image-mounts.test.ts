import { callApi, describeEngine } from './harness';

describeEngine(
  'files of an image as a mount',
  (suite) => {
    const { ok, docker } = suite;
    beforeAll(async () => {
      const make = 'mkdir -p /d/sub; echo kept > /d/sub/f; ln -s sub /d/in; ln -s ../../../../nowhere /d/out';
      await ok('run', '--name', 'maker', 'busybox', 'sh', '-c', make);
      await ok('commit', 'maker', 'files:1');
      await ok('rm', 'maker');
    }, 60_000);

    const create = (name: string, cmd: readonly string[], Subpath: string, Source = 'files:1') =>
      callApi(suite.engine, 'POST', `/containers/create?name=${name}`, {
        Image: 'busybox',
        Cmd: cmd,
        HostConfig: { Mounts: [{ Type: 'image', Source, Target: '/image', ...(Subpath === '' ? {} : { ImageOptions: { Subpath } }) }] },
      });

    test.each([
      ['all', '', ['cat', '/image/d/sub/f']],
      ['folder', 'd/sub', ['cat', '/image/f']],
      ['link', 'd/in', ['cat', '/image/f']],
      ['file', 'd/sub/f', ['cat', '/image']],
    ])('%s of it', async (name, subpath, cmd) => {
      expect((await create(name, cmd, subpath)).status).toBe(201);
      expect(await ok('start', '-a', name)).toBe('kept');
      await ok('rm', name);
    });

    test('it cannot be written to, and inspect tells what it is', async () => {
      await create('write', ['touch', '/image/new'], '');
      expect((await docker(['start', '-a', 'write'])).stderr).toContain('Read-only file system');
      expect(await ok('inspect', '-f', '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}', 'write')).toBe(
        'image files:1 /image false',
      );
      await ok('rm', 'write');
    });

    test.each([
      ['../x', 400, 'subpath must be a relative path within the volume'],
      ['d/out', 201, 'path concatenation escapes the base directory'],
      ['nothing', 201, 'cannot access path'],
    ])('%s is refused', async (subpath, made, message) => {
      const created = await create('refused', ['true'], subpath);
      expect(created.status).toBe(made);
      const told = made === 201 ? (await docker(['start', 'refused'])).stderr : created.message;
      await docker(['rm', '-f', 'refused']);
      expect(told).toContain(message);
    });

    test('an image that is not there is named, one that is mounted stays until it is forced away, and its files longer', async () => {
      expect(await create('missing', ['true'], '', 'nowhere:1')).toMatchObject({ status: 404, message: 'No such image: nowhere:1' });
      await create('user', ['cat', '/image/d/sub/f'], '');
      await ok('start', '-a', 'user');
      expect((await docker(['rmi', 'files:1'])).stderr).toContain('is using its referenced image');
      await ok('rmi', '-f', 'files:1');
      expect(await ok('start', '-a', 'user')).toBe('kept');
      await ok('rm', 'user');
    });
  },
  { since: 28 },
);
