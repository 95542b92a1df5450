import { readFileSync } from 'node:fs';
import { dockerTakes, type Engine, loadBusybox, startEngine, until } from './harness';

/** The kernel's Landlock by a security option, which dockerd does not have. Without LSMs that are listed the unit tests say whether the kernel has it. */
describe('Landlock', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 120_000);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };
  const known = readFileSync('/proc/kallsyms', 'utf8').includes('landlock_restrict_self');
  const withKernel = known ? test : test.skip;
  if (!known) process.stderr.write('SKIP: docker run --security-opt landlock is not tested: the kernel does not have Landlock\n');
  const rules = ['--security-opt', 'landlock=rx:/bin,rw:/dev,ro:/proc,ro:/etc', '--security-opt', 'landlock=rw:/data'];
  const probe = 'cat /data/f; cat /root/f 2>/dev/null || echo unread; echo x 2>/dev/null > /etc/x || echo unwritten';

  withKernel(
    'holds a container and what is run in it, also after a restart of the supervisor',
    async () => {
      await ok('run', '--rm', '-v', 'kept:/data', 'busybox', 'sh', '-c', 'echo data > /data/f');
      await ok('run', '-d', '--name', 'held', '-v', 'kept:/data', ...rules, 'busybox', 'sh', '-c', `{ ${probe}; } > /data/out; sleep 1000`);
      await ok('cp', '/etc/hostname', 'held:/root/f');
      expect(await ok('inspect', '-f', '{{json .HostConfig.SecurityOpt}}', 'held')).toContain('landlock=rw:/data');
      await engine.killService('gantry-supervisor');
      await until('the engine to answer again', async () => (await engine.docker(['ps'])).code === 0);
      for (const options of [[], ['-u', '1000'], ['--privileged']])
        expect(await ok('exec', ...options, 'held', 'sh', '-c', probe)).toBe('data\nunread\nunwritten');
      await until('the output', async () => (await engine.docker(['exec', 'held', 'cat', '/data/out'])).stdout.includes('unwritten'));
      expect(await ok('exec', 'held', 'cat', '/data/out')).toBe('data\nunread\nunwritten');
      await ok('restart', '-t', '0', 'held');
      expect(await ok('exec', 'held', 'sh', '-c', probe)).toBe('data\nunread\nunwritten');
      await ok('rm', '-f', 'held');
      await ok('volume', 'rm', 'kept');
    },
    60_000,
  );

  withKernel('tells what keeps a container from its start', async () => {
    const missing = await engine.docker(['run', '--rm', '--security-opt', 'landlock=rx:/bin,ro:/nowhere', 'busybox', 'true']);
    expect(missing.stderr).toContain('landlock: open /nowhere: no such file or directory');
  });

  test('is refused by name where it would not be honoured', async () => {
    const refused = async (...args: string[]): Promise<string> => (await engine.docker(['create', ...args, 'busybox'])).stderr;
    expect(await refused('--security-opt', 'landlock=/data')).toContain(
      'invalid Landlock rule "/data": must be ro, rx, rw or rwx, a colon and an absolute path',
    );
    if (dockerTakes('--annotation', 'create'))
      expect(await refused('--security-opt', 'landlock=ro:/', '--annotation', 'gantry.landlock=ro:/')).toContain(
        'one of them must be left out',
      );
  });
});
