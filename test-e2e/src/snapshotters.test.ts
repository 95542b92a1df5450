import { join } from 'node:path';
import {
  bundles,
  command,
  hasProgram,
  loadBusybox,
  pinnedNode,
  startContainerd,
  startEngine,
  testWith,
  type Containerd,
  type Engine,
  succeeding,
} from './harness';

/** The everyday life of a container, on whatever snapshotter. */
async function life(engine: Engine, driver: string): Promise<void> {
  const ok = succeeding((args) => engine.docker(args, { timeout: 60_000 }));
  await loadBusybox(engine);
  expect(await ok('info', '-f', '{{.Driver}}')).toBe(driver);
  expect(await ok('run', '--name', 'cont', 'busybox', 'sh', '-c', 'mkdir /d && echo new > /d/new && rm /bin/wget && cat /d/new')).toBe(
    'new',
  );
  expect((await ok('diff', 'cont')).split('\n').sort()).toEqual(['A /d', 'A /d/new', 'C /bin', 'D /bin/wget']);
  await ok('commit', 'cont', 'made');
  expect(await ok('run', '--rm', 'made', 'sh', '-c', 'cat /d/new; ls /bin/wget 2>/dev/null; true')).toBe('new');
  expect((await command('sh', ['-c', `docker -H unix://${engine.socket} cp cont:/d/new - | tar -xO`])).stdout).toBe('new\n');
  expect((await command('sh', ['-c', `docker -H unix://${engine.socket} export cont | tar -t`])).stdout).toContain('d/new');
  expect(await ok('run', '--rm', '-v', 'vol:/bin', 'busybox', 'ls', '/bin/sh')).toBe('/bin/sh');
  expect(await ok('run', '--rm', '--user', 'root', 'made', 'id', '-u')).toBe('0');
  await ok('rm', 'cont');
  await ok('rmi', 'made', 'busybox');
  await ok('volume', 'rm', 'vol');
  const check = await command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', engine.root, '--run', engine.run]);
  expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining(': 0 findings') as string });
}

test('docker on whole copies', async () => {
  const engine = await startEngine('gantry', { config: { images: 'storage-driver: vfs\n' } });
  try {
    await life(engine, 'copy');
  } finally {
    await engine.destroy();
  }
}, 120_000);

describe("docker on a foreign containerd's snapshotters", () => {
  let containerd: Containerd | undefined;
  afterAll(() => containerd?.destroy(), 180_000);
  testWith('containerd', hasProgram('containerd') && hasProgram('ctr'))(
    'overlayfs, native',
    async () => {
      containerd = await startContainerd();
      for (const remote of ['overlayfs', 'native']) {
        const engine = await startEngine('gantry', {
          config: { images: `snapshotter: far\nproxy-snapshotters: ["far=${containerd.address},${remote}"]\n` },
        });
        try {
          await life(engine, 'far');
        } finally {
          await engine.destroy();
        }
        expect(await containerd.ctr(['-n', 'gantry', 'snapshots', '--snapshotter', remote, 'ls'])).toMatchObject({
          stdout: expect.not.stringContaining('gantry-') as string,
        });
      }
    },
    180_000,
  );
});
