import { existsSync } from 'node:fs';
import type { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { openMonitor } from './testing/monitor-client';
import { type Created, ShimFixture } from './testing/shim-fixture';

/** The monitor ends a process with the connection that holds it: no service is asked, so none has to be there. */
const runc = '/usr/sbin/runc';
const drivers: [string, Partial<CreateOptions>][] = [['native', {}]];
if (existsSync(runc)) drivers.push([runc, { driver: 'oci', binary: runc }]);
else process.stderr.write(`SKIP: an exec that ends with its client is not tested with ${runc}, which is not installed\n`);

describe.each(drivers)('an exec that ends with its client: %s', (_name, options) => {
  let shim: ShimFixture;
  let task: Created;
  let count = 0;
  beforeAll(async () => {
    shim = new ShimFixture(options);
    await shim.start();
    task = await shim.create({ args: ['sleep', '1000'] });
    await shim.startTask(task);
  });
  afterAll(async () => {
    for (let turn = 1; turn <= count; turn++) await shim.delete(task, `hold${turn}`);
    await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false });
    await shim.wait(task);
    await shim.delete(task);
    await shim.remove();
  });

  const begin = async (script: string, hold: boolean, stdin = false) => {
    const id = `hold${++count}`;
    const socket = await shim.exec(task, id, { args: ['sh', '-c', script], stdin });
    const client = await openMonitor(socket, stdin, { hold });
    return { id, client };
  };

  test('gets a hang-up, with all of its group', async () => {
    const { id, client } = await begin('trap "kill %1; exit 7" HUP; sleep 500 & echo ready; wait; exit 1', true);
    await shim.startTask(task, id);
    await client.seen('ready');
    client.destroy();
    expect(await shim.wait(task, id)).toBe(7);
  });

  test('is killed when it takes no notice', async () => {
    const { id, client } = await begin('trap "" HUP TERM; echo ready; while :; do sleep 500; done', true);
    await shim.startTask(task, id);
    await client.seen('ready');
    client.destroy();
    expect(await shim.wait(task, id)).toBe(137);
  });

  test('is ended though it never read what its client left behind', async () => {
    const { id, client } = await begin('echo ready; sleep 500', true, true);
    await shim.startTask(task, id);
    await client.seen('ready');
    client.write('x'.repeat(4 << 20));
    await new Promise(setImmediate);
    client.destroy();
    expect(await shim.wait(task, id)).toBe(129);
  });

  test('goes on when only its input ends, and when nobody holds it', async () => {
    const held = await begin('cat; echo all; sleep 0.2; exit 3', true, true);
    await shim.startTask(task, held.id);
    held.client.write('in\n');
    held.client.end();
    expect(await held.client.output).toEqual(['in\nall\n', '']);
    expect(await shim.wait(task, held.id)).toBe(3);
    const free = await begin('echo ready; sleep 0.5; exit 4', false);
    await shim.startTask(task, free.id);
    await free.client.seen('ready');
    free.client.destroy();
    expect(await shim.wait(task, free.id)).toBe(4);
  });

  test('never runs when its client has left before the start', async () => {
    const { id, client } = await begin('sleep 500', true);
    client.destroy();
    expect(await shim.wait(task, id)).toBe(137);
    await expect(shim.startTask(task, id)).rejects.toThrow();
  });
});
