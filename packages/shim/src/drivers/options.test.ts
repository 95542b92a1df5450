import { existsSync } from 'node:fs';
import { packAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { ShimFixture } from '../testing/shim-fixture';
import { readOptions } from './options';

const runc = (options: Partial<Options>) => readOptions(packAny(Options, Options.fromPartial(options)), '/state', 'ns');
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
  expect(await runc({ ...given, binaryName: '/bin/sh', root: '/r' })).toMatchObject(wanted);
  expect(await own({ ...given, binary: '/bin/sh', runtimeRoot: '/r' })).toMatchObject(wanted);
});

test.each([
  ['native', { systemdCgroup: true }, 'systemd_cgroup'],
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

test('what a driver needs, or has no use for, is told by name', async () => {
  await expect(runc({ shimCgroup: '/x' })).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining('shim_cgroup') as string,
  });
  await expect(runc({ root: '/x' })).rejects.toMatchObject({ message: expect.stringContaining('root') as string });
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
