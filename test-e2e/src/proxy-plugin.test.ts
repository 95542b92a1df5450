import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundles,
  busybox,
  command,
  type Containerd,
  containerds,
  type Engine,
  hasProgram,
  loadBusybox,
  pinnedNode,
  startContainerd,
  startEngine,
  testWith,
  until,
} from './harness';

/** gantry-images below a real containerd, under a name that is not its own. */
describe.each(containerds.map((folder) => ({ folder })))(
  "gantry-images as containerd's proxy snapshotter ($folder)",
  ({ folder: programs }) => {
    const able = (programs !== '' || (hasProgram('containerd') && hasProgram('ctr'))) && hasProgram('runc');
    let engine: Engine | undefined;
    let containerd: Containerd | undefined;
    afterAll(async () => {
      await containerd?.destroy();
      await engine?.destroy();
    }, 180_000);

    testWith('containerd with runc', able)(
      'containers run on it, its garbage collection takes what is theirs, and docker beside it keeps what is its own',
      async () => {
        engine = await startEngine('gantry');
        await loadBusybox(engine);
        const socket = join(engine.run, 'images.sock');
        containerd = await startContainerd((folder) => {
          appendFileSync(join(folder, 'config.toml'), `[proxy_plugins.gantry]\ntype = "snapshot"\naddress = "${socket}"\n`);
        }, programs);
        const { ok } = containerd;
        const on = ['--snapshotter', 'gantry'];
        expect(await ok('plugins', 'ls')).toMatch(/io\.containerd\.snapshotter\.v1\s+gantry\s+\S+\s+ok/);
        expect(await ok('run', '--rm', ...on, busybox, 'one', 'sh', '-c', 'echo new > /f; cat /f')).toBe('new\n');
        await ok('run', '-d', ...on, busybox, 'two', 'sleep', '600');
        expect(await ok('tasks', 'exec', '--exec-id', 'e', 'two', 'sh', '-c', 'rm /bin/wget; ls /bin/wget 2>/dev/null; echo gone')).toBe(
          'gone\n',
        );
        const layers = await ok('snapshots', ...on, 'ls');
        expect(layers).toMatch(/^sha256:\w+\s+Committed/m);
        expect(layers).toMatch(/^two\s+sha256:\w+\s+Active/m);
        expect(await ok('snapshots', ...on, 'usage', 'two')).toMatch(/^two\s+\d/m);
        const mounts = await ok('snapshots', ...on, 'mounts', '/place', 'two');
        expect(mounts).toContain(`${engine.root}/images/snapshots/`);

        await ok('tasks', 'kill', '-s', 'SIGKILL', 'two');
        await until('the task to stop', async () => /two\s+\d+\s+STOPPED/.test(await ok('tasks', 'ls')));
        await ok('tasks', 'rm', 'two').catch(() => undefined); // it exits with the task's code
        await ok('containers', 'rm', 'two');
        await ok('images', 'rm', '--sync', busybox);
        await until('containerd to collect', async () => (await ok('snapshots', ...on, 'ls')).split('\n').filter(Boolean).length === 1);
        expect((await engine.docker(['run', '--rm', 'busybox', 'echo', 'here'])).stdout).toBe('here\n');
        const check = await command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', engine.root, '--run', engine.run]);
        expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining(': 0 findings') as string });
      },
      180_000,
    );
  },
);
