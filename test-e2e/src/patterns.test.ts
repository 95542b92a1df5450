import { describeEngine } from './harness';

// Patterns in the syntax of Go's engine (RE2): `(?P<n>…)`, `\A` and `(?U)` mean nothing to V8's.
describeEngine('patterns of clients', (suite) => {
  const { ok, docker } = suite;

  test('containers by name and id', async () => {
    const id = await ok('create', '--name', 'patterned', 'busybox', 'true');
    const named = (...filters: string[]): Promise<string> =>
      ok('ps', '-aq', '--no-trunc', ...filters.flatMap((text) => ['--filter', text]));
    for (const filter of ['name=(?P<n>atter)ned', 'name=\\Apatterned\\z', 'name=^/pat', `id=${id.slice(0, 12)}`])
      expect([filter, await named(filter)]).toEqual([filter, id]);
    for (const filter of ['name=(', 'name=*x', 'name=patterned(?=x)', `id=^${id.slice(0, 9)}`, `id=${id.slice(3, 12)}`, 'name=\\Aatterned'])
      expect([filter, await named(filter)]).toEqual([filter, '']);
    expect(await named('name=(', 'name=patt')).toBe(id);
    await ok('rm', 'patterned');
  });

  test('networks and volumes', async () => {
    const network = await ok('network', 'create', 'neta');
    const networks = (filter: string): Promise<string> => ok('network', 'ls', '-q', '--no-trunc', '--filter', filter);
    for (const filter of ['name=n.ta', 'name=(?P<n>et)a', `id=${network.slice(3, 12)}`, `id=^${network.slice(0, 5)}`])
      expect([filter, await networks(filter)]).toEqual([filter, network]);
    expect(await networks('name=(')).toBe('');
    await ok('network', 'rm', 'neta');
    await ok('volume', 'create', 'vola');
    for (const filter of ['name=v.la', 'name=(?P<n>ola)$'])
      expect([filter, await ok('volume', 'ls', '-q', '--filter', filter)]).toEqual([filter, 'vola']);
    expect(await ok('volume', 'ls', '-q', '--filter', 'name=(')).toBe('');
    await ok('volume', 'rm', 'vola');
  });

  test('images by the patterns of a path', async () => {
    const images = (pattern: string): Promise<string> => ok('images', '--format', '{{.Repository}}', '--filter', `reference=${pattern}`);
    for (const pattern of ['bus[a-z]box', 'b*x:*', 'b\\usybox', '[^a]usybox', 'busybo?'])
      expect([pattern, await images(pattern)]).toEqual([pattern, 'busybox']);
    for (const pattern of ['(?P<n>busybox)', '*/busybox', 'bus.box']) expect([pattern, await images(pattern)]).toEqual([pattern, '']);
  });

  test('attributes of a log', async () => {
    const run = ['run', '--name', 'logged', '--label', 'abc=1', '--label', 'bcd=2', '-e', 'XY=3'];
    await ok(...run, '--log-opt', 'labels-regex=(?P<n>^a)', '--log-opt', 'env-regex=(?U)^X+', 'busybox', 'echo', 'hi');
    expect(await ok('logs', '--details', 'logged')).toMatch(/^(?=.*abc=1)(?=.*XY=3)(?!.*bcd).* hi$/);
    await ok('rm', 'logged');
    const broken = ['--log-opt', 'labels-regex=(', 'busybox', 'true'];
    const id = await ok('create', ...broken);
    expect((await docker(['start', id])).stderr).toMatch(
      /failed to initialize logging driver: error parsing regexp: missing closing \): `\(`/,
    );
    await ok('rm', id);
  });
});
