import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packAny } from '@gantry/api';
import { CheckpointOptions } from '@gantry/api/containerd/runc/v1/runc';
import { buildSync } from 'esbuild';
import { type Created, eventually, nativeBinary, repository, ShimFixture } from '../testing/shim-fixture';

const criu = process.env['GANTRY_CRIU'] ?? 'criu';
const works = spawnSync(criu, ['check']).status === 0;
const runc = '/usr/sbin/runc';
if (!works)
  process.stderr.write(
    `SKIP: checkpoints of tasks are not tested: ${criu} is missing or does not work with this kernel (GANTRY_CRIU names another)\n`,
  );

/** What a shell writes to freeze the cgroup of a process. */
function freezing(pid: number): string {
  const [v2, ...v1] = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'))
    .sort(([a], [b]) => Number(a) - Number(b));
  const freezer = [v2, ...v1].find((line) => line?.[1]?.split(',').includes('freezer'));
  return freezer === undefined
    ? `echo 1 >/sys/fs/cgroup${v2?.[2]}/cgroup.freeze`
    : `echo FROZEN >/sys/fs/cgroup/freezer${freezer[2]}/freezer.state`;
}

describe('checkpoints', () => {
  let shim: ShimFixture;
  let own: string;
  beforeAll(async () => {
    shim = new ShimFixture({});
    await shim.start();
    // as it is installed: the C program, the bundle and its Node in one tree
    const lib = join(shim.dir, 'lib');
    own = join(lib, 'libexec/gantry-runc');
    for (const name of ['bin', 'libexec']) mkdirSync(join(lib, name), { recursive: true });
    buildSync({
      entryPoints: [join(repository, 'packages/runtime/src/cli/main.ts')],
      bundle: true,
      platform: 'node',
      target: 'node24',
      external: ['koffi'],
      logLevel: 'error',
      outfile: join(lib, 'gantry-runc.cjs'),
    });
    copyFileSync(process.execPath, join(lib, 'bin/node'));
    copyFileSync(nativeBinary(), join(lib, 'libexec/gantry-native'));
    symlinkSync('gantry-native', own);
    process.env['GANTRY_RUNC_ALONE'] = '1'; // no planner stays
  });
  afterAll(async () => {
    delete process.env['GANTRY_RUNC_ALONE'];
    await shim.remove();
  });

  const checkpoint = (task: Created, path: string, options: Partial<CheckpointOptions>): Promise<unknown> =>
    shim.tasks.checkpoint(shim.ctx, { id: task.id, path, options: packAny(CheckpointOptions, CheckpointOptions.fromPartial(options)) });
  const end = async (task: Created): Promise<void> => {
    await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false }).catch(() => undefined);
    await shim.wait(task);
    await shim.delete(task);
  };
  const counter = ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done'];

  test('a criu that is missing is told', async () => {
    const without = await shim.create({ args: counter, options: { driver: 'oci', binary: own, binaryArgs: ['--criu', '/no/criu'] } });
    await shim.startTask(without);
    await expect(checkpoint(without, join(shim.dir, 'none'), {})).rejects.toMatchObject({
      message: expect.stringMatching(/criu/) as string,
    });
    await expect(checkpoint(without, '', {})).rejects.toMatchObject({ kind: 'invalidArgument' });
    await end(without);
    expect(shim.mounts()).toEqual([]);
  });

  test('a criu that hangs ends with whoever asked, with all that it started, and the task goes on', async () => {
    const images = join(shim.dir, 'hung');
    const place = (name: string): string => join(shim.dir, `hung-${name}`);
    mkdirSync(images);
    writeFileSync(join(images, 'kept'), '');
    // It freezes the task as criu does, writes, starts something, and comes to no end.
    const script = [
      '#!/bin/sh',
      `echo half >${images}/pages-1.img`,
      `. ${place('freezer')}`,
      'sleep 1000 &',
      `echo "$$ $!" >${place('pids')}.new; mv ${place('pids')}.new ${place('pids')}`,
      'wait',
    ];
    writeFileSync(place('criu'), script.join('\n'), { mode: 0o755 });
    const task = await shim.create({ args: counter, options: { driver: 'oci', binary: own, binaryArgs: ['--criu', place('criu')] } });
    await shim.startTask(task);
    writeFileSync(place('freezer'), freezing(task.pid));
    const client = new AbortController();
    const asked = shim.tasks.checkpoint(
      { ...shim.ctx, signal: client.signal },
      { id: task.id, path: images, options: packAny(CheckpointOptions, CheckpointOptions.fromPartial({})) },
    );
    asked.catch(() => undefined);
    await eventually(() => existsSync(place('pids')), 'criu');
    const pids = readFileSync(place('pids'), 'utf8').trim().split(' ');
    expect(pids).toHaveLength(2);
    const before = shim.log(task).length;
    client.abort();
    await expect(asked).rejects.toMatchObject({ kind: 'cancelled' });
    await eventually(() => !pids.some((pid) => existsSync(`/proc/${pid}/root/`)), 'the end of criu');
    await eventually(() => readdirSync(images).join() === 'kept', 'the files to be gone');
    await eventually(() => shim.log(task).length > before + 3, 'further lines');
    await end(task);
    expect(shim.mounts()).toEqual([]);
  }, 60_000);

  for (const [name, binary] of [
    ['gantry-runc', ''],
    ['runc', runc],
  ] as const) {
    (works && (binary === '' || existsSync(binary)) ? test : test.skip)(
      `a task goes on from its checkpoint with ${name}${works ? '' : ' [needs a criu whose check passes, GANTRY_CRIU]'}`,
      async () => {
        const options = { driver: 'oci', binary: binary === '' ? own : binary, binaryArgs: ['--criu', criu] };
        const images = join(shim.dir, `images-${name}`);
        mkdirSync(images);
        const task = await shim.create({ args: counter, options });
        await shim.startTask(task);
        await eventually(() => shim.log(task).length > 5, 'lines');
        await checkpoint(task, images, {}); // goes on
        const before = shim.log(task).length;
        await eventually(() => shim.log(task).length > before + 3, 'lines after a checkpoint');
        await checkpoint(task, images, { exit: true });
        expect(await shim.wait(task)).toBe(137);
        await shim.delete(task);
        const last = Number(shim.log(task).at(-1)?.[1]);

        const again = await shim.create({ args: counter, options, checkpoint: images });
        expect(again.pid).toBe(0);
        expect(await shim.startTask(again)).toBeGreaterThan(0);
        await eventually(() => shim.log(again).length > 3, 'lines of the restored task');
        expect(Number(shim.log(again)[0]?.[1])).toBeGreaterThanOrEqual(last);
        await end(again);
        expect(shim.topics(task)).toContain('/tasks/checkpointed');
        expect(shim.mounts()).toEqual([]);

        const unused = await shim.create({ args: counter, options, checkpoint: images });
        expect(await shim.delete(unused)).toBe(137);
      },
      120_000,
    );
  }
});
