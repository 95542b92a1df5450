import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { programDirectories } from '@gantry/service';
import { ShimFixture } from '../testing/shim-fixture';

const runc = programDirectories()
  .map((directory) => join(directory, 'runc'))
  .find((path) => existsSync(path));
const runcTest = runc === undefined ? test.skip : test;
if (runc === undefined) process.stderr.write('SKIP: no runc: a wrapper around it is not tested\n');

runcTest("a wrapper around a runtime finds itself in the bundle, at every verb, as below containerd's shims", async () => {
  const shim = new ShimFixture();
  await shim.start();
  const [wrapper, places] = [join(shim.dir, 'wrapper'), join(shim.dir, 'places')];
  writeFileSync(wrapper, `#!/bin/sh\npwd >>${places}\nexec ${runc} "$@"\n`, { mode: 0o755 });
  const task = await shim.create({ args: ['sleep', '100'], options: { driver: 'oci', binary: wrapper } });
  await shim.startTask(task);
  await shim.exec(task, 'one', { args: ['true'] });
  await shim.startTask(task, 'one');
  await shim.wait(task, 'one');
  await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false });
  await shim.wait(task);
  await shim.delete(task);
  const found = readFileSync(places, 'utf8').trim().split('\n');
  await shim.remove();
  expect(found.length).toBeGreaterThanOrEqual(4);
  expect(new Set(found)).toEqual(new Set([task.bundle]));
});

runcTest('an exec that is added after the end of init, while another is being started, is refused at its own start', async () => {
  const shim = new ShimFixture();
  await shim.start();
  const [wrapper, here, go] = ['wrapper', 'here', 'go'].map((name) => join(shim.dir, name)) as [string, string, string];
  const wait = `case " $* " in *" exec "*) touch ${here}; while [ ! -e ${go} ]; do sleep 0.05; done;; esac`;
  writeFileSync(wrapper, `#!/bin/sh\n${wait}\nexec ${runc} "$@"\n`, { mode: 0o755 });
  const task = await shim.create({ args: ['sleep', '100'], options: { driver: 'oci', binary: wrapper } });
  await shim.startTask(task);
  const out = { stdin: '', stdout: join(shim.dir, 'out'), stderr: '' };
  execFileSync('mkfifo', [out.stdout]);
  await shim.exec(task, 'one', { args: ['true'], stdio: out });
  const one = shim.startTask(task, 'one').then(
    () => 'started',
    () => 'refused',
  );
  while (!existsSync(here)) await new Promise((resolve) => setTimeout(resolve, 10));
  await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false });
  await shim.wait(task);
  await shim.exec(task, 'two', { args: ['true'], stdio: out });
  await expect(shim.startTask(task, 'two')).rejects.toMatchObject({ kind: 'failedPrecondition' });
  writeFileSync(go, '');
  expect(await one).toBe('refused');
  await expect(shim.exec(task, 'three', { args: ['true'], stdio: out })).rejects.toMatchObject({ kind: 'failedPrecondition' });
  for (const execId of ['one', 'two'])
    expect(await shim.tasks.state(shim.ctx, { id: task.id, execId })).toMatchObject({ status: Status.CREATED });
  await shim.delete(task);
  await shim.remove();
});
