import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { programDirectories } from '@gantry/service';
import { ShimFixture } from '../testing/shim-fixture';
import { readOptions } from './options';

const runcs = (options: Partial<Options>) => readOptions(packAny(Options, Options.fromPartial(options)), '/state', 'ns');
const own = (options: Partial<CreateOptions>) => readOptions(packAny(CreateOptions, CreateOptions.fromPartial(options)), '/state', 'ns');

test("every option of runc's reaches a runtime binary, in both forms", async () => {
  const given = { noPivotRoot: true, noNewKeyring: true, systemdCgroup: true, ioUid: 5, ioGid: 6, criuImagePath: '/i', criuWorkPath: '/w' };
  const wanted = {
    driver: 'oci',
    runtime: {
      binary: '/bin/sh',
      root: '/r/ns',
      noPivot: true,
      noNewKeyring: true,
      systemdCgroup: true,
      criuImagePath: '/i',
      criuWorkPath: '/w',
    },
    ioOwner: { uid: 5, gid: 6 },
  };
  expect(await runcs({ ...given, binaryName: '/bin/sh', root: '/r' })).toMatchObject(wanted);
  expect(await own({ ...given, binary: '/bin/sh', runtimeRoot: '/r' })).toMatchObject(wanted);
});

test('the systemd cgroup driver is of the native driver, too', async () => {
  expect(await own({ driver: 'native', systemdCgroup: true })).toMatchObject({ driver: 'native', runtime: { systemdCgroup: true } });
  expect(await runcs({ systemdCgroup: true })).toMatchObject({ driver: 'native', runtime: { systemdCgroup: true } });
});

test.each([
  ['native', { criuImagePath: '/i' }, 'criu_image_path'],
  ['native', { criuWorkPath: '/i' }, 'criu_work_path'],
  ['native', { runtimeRoot: '/r' }, 'root'],
  ['containerd-shim', { binary: '/bin/sh', noPivotRoot: true }, 'no_pivot_root'],
  ['containerd-shim', { binary: '/bin/sh', ioUid: 1 }, 'io_uid'],
  ['task-service', { taskService: '/s', noNewKeyring: true }, 'no_new_keyring'],
  ['task-service', { taskService: '/s', ioGid: 1 }, 'io_gid'],
])('driver %s refuses %j by name', async (driver, options, name) => {
  await expect(own({ driver, ...options })).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining(`runtime option ${name} `) as string,
  });
});

test.each([{ root: '/r' }, { criuWorkPath: '/w' }, { criuImagePath: '/i' }])(
  '%j of no binary is done by runc, and by ours without one',
  async (options) => {
    const { root = '', ...criu } = { root: '', ...options };
    const ours = { binary: expect.stringMatching(/gantry-native$/) as string, binaryArgs: ['runc'] };
    const runc = programDirectories()
      .map((directory) => join(directory, 'runc'))
      .find((path) => existsSync(path));
    const wanted = { driver: 'oci', runtime: runc === undefined ? ours : { binary: runc, binaryArgs: [] } };
    expect(await runcs(options)).toMatchObject(wanted);
    expect(await runcs({ ...options, binaryName: 'gantry-runc' })).toMatchObject({ driver: 'oci', runtime: ours });
    const made = await own({ runtimeRoot: root, ...criu });
    expect(made).toMatchObject(wanted);
    expect(made.runtime.root).toBe(root === '' ? '/state/default/ns' : '/r/ns');
  },
);

test('a cgroup for the shim is taken in both forms', async () => {
  expect(await runcs({ shimCgroup: '/x' })).toMatchObject({ driver: 'native', shimCgroup: '/x' });
  expect(await own({ shimCgroup: '/x' })).toMatchObject({ driver: 'native', shimCgroup: '/x' });
});

test('what a driver needs, or has no use for, is told by name', async () => {
  for (const wrong of [
    { driver: 'kvm' },
    { driver: 'oci' },
    { driver: 'containerd-shim' },
    { driver: 'task-service' },
    { driver: 'native', binary: '/bin/sh' },
    { driver: 'oci', binary: '/bin/sh', taskService: '/s' },
    { driver: 'task-service', taskService: 'relative' },
    { driver: 'task-service', taskService: '/s', binaryArgs: ['x'] },
    { driver: 'native', runtimeOptions: packAny(Options, Options.fromPartial({})) },
  ])
    await expect(own(wrong)).rejects.toMatchObject({ kind: 'invalidArgument' });
});

const binary = '/usr/sbin/runc';
if (!existsSync(binary)) process.stderr.write(`SKIP: the pipes' owner is not compared with ${binary}, which is not installed\n`);
const drivers: [string, Partial<CreateOptions>][] = [
  ['native', {}],
  ...(existsSync(binary) ? [['runc', { driver: 'oci', binary }] as [string, Partial<CreateOptions>]] : []),
];

test.each(drivers)('the pipes belong to whom the options say until the process takes them: %s', async (_name, options) => {
  const shim = new ShimFixture({ ioUid: 77, ioGid: 78, ...options });
  await shim.start();
  try {
    const task = await shim.create({ args: ['busybox', 'stat', '-L', '-c', '%u:%g', '/proc/self/fd/1'] });
    await shim.startTask(task);
    const code = await shim.wait(task);
    await shim.delete(task);
    // The process's user (0) becomes their owner at its start, as with runc; the group stays.
    expect([code, shim.log(task)]).toEqual([0, [['stdout', '0:78\n']]]);
  } finally {
    await shim.remove();
  }
});
