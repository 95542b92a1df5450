import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
