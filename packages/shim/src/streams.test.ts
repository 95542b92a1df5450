import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type Created, eventually, ShimFixture } from './testing/shim-fixture';

const LINES = 300_000;
const counted = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join('');
const count = ['sh', '-c', `seq 1 ${LINES}; exit 3`];
const logText = (shim: ShimFixture, task: Created): string =>
  shim
    .log(task)
    .map(([, text]) => text)
    .join('');
const statusOf = async (shim: ShimFixture, task: Created): Promise<Status> =>
  (await shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).status;

/** Resolves once the file has not grown for a while: its writer rests. */
async function rests(path: string): Promise<number> {
  for (let last = -1; ;) {
    const { size } = statSync(path);
    if (size > 0 && size === last) return size;
    last = size;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

describe('attached clients that do not read', () => {
  let shim: ShimFixture;
  beforeAll(async () => {
    shim = new ShimFixture();
    await shim.start();
  });
  afterAll(() => shim.remove());

  test('hold the container up, and lose no line', async () => {
    const task = await shim.create({ args: count });
    const [slow, quick] = [await shim.attach(task.socket, false), await shim.attach(task.socket, false)];
    slow.pause();
    await shim.startTask(task);
    const size = await rests(task.log);
    expect(await statusOf(shim, task)).toBe(Status.RUNNING);
    expect(size).toBeLessThan(LINES * 40); // the whole log has some 70 bytes a line
    slow.resume();
    expect((await slow.output)[0]).toBe(counted);
    expect((await quick.output)[0]).toBe(counted);
    expect(await shim.wait(task)).toBe(3);
    expect(logText(shim, task)).toBe(counted);
    await shim.delete(task);
  });

  test('get the last output even after the task was deleted', async () => {
    const task = await shim.create({ args: ['seq', '1', '50000'] });
    const client = await shim.attach(task.socket, false);
    client.pause();
    await shim.startTask(task);
    expect(await shim.wait(task)).toBe(0); // what the socket, the monitor and the pipe hold is more than this
    await shim.delete(task);
    client.resume();
    expect((await client.output)[0]).toBe(Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join(''));
  });
});

const long = process.env['GANTRY_TEST_ALL'] === '1';
describe.each(long ? [2000, 30_000] : [2000])('a client that is stuck for %d ms', (timeoutMs) => {
  let shim: ShimFixture;
  beforeAll(async () => {
    shim = new ShimFixture({}, timeoutMs === 30_000 ? {} : { 'client-timeout-ms': timeoutMs });
    await shim.start();
  });
  afterAll(() => shim.remove());

  test('is dropped and named in the log; the container and the other client go on', async () => {
    const task = await shim.create({ args: count });
    const [stuck, good] = [await shim.attach(task.socket, false), await shim.attach(task.socket, false)];
    stuck.pause();
    const began = Date.now();
    await shim.startTask(task);
    expect((await shim.tasks.wait(shim.ctx, { id: task.id, execId: '' }, { timeoutMs: timeoutMs + 60_000 })).exitStatus).toBe(3);
    expect(Date.now() - began).toBeGreaterThanOrEqual(timeoutMs);
    expect((await good.output)[0]).toBe(counted);
    expect(logText(shim, task)).toBe(counted);
    await eventually(() => shim.logs.some((line) => line.includes(`dropped a client attached to ${task.id}`)), 'a line in the log');
    const line = JSON.parse(shim.logs.find((text) => text.includes('dropped a client')) ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ id: task.id, namespace: 'testing', pid: process.pid, uid: 0 });
    expect(Number(line['unread'])).toBeGreaterThan(64 * 1024);
    stuck.resume();
    const [seen] = await stuck.output;
    expect(counted.startsWith(seen.slice(0, seen.lastIndexOf('\n') + 1))).toBe(true);
    expect(seen.length).toBeLessThan(counted.length);
    await shim.delete(task);
  }, 120_000);

  test('is not dropped while it holds nobody up', async () => {
    const task = await shim.create({ args: ['sh', '-c', 'seq 1 20000; read x; echo end'], stdin: true });
    const idle = await shim.attach(task.socket);
    idle.pause();
    await shim.startTask(task);
    await eventually(() => shim.log(task).length === 20_000, 'the log');
    await new Promise((resolve) => setTimeout(resolve, timeoutMs * 2));
    idle.resume();
    idle.write('\n');
    expect((await idle.output)[0].endsWith('20000\nend\n')).toBe(true);
    expect(await shim.wait(task)).toBe(0);
    await shim.delete(task);
  }, 120_000);
});

describe('FIFOs', () => {
  let shim: ShimFixture;
  let stdio: { stdin: string; stdout: string; stderr: string };
  let next = 0;
  beforeAll(async () => {
    shim = new ShimFixture({ log: undefined });
    await shim.start();
  });
  afterAll(() => shim.remove());
  beforeEach(() => {
    const path = (name: string): string => join(shim.dir, `${name}-${next}`);
    next++;
    stdio = { stdin: path('in'), stdout: path('out'), stderr: path('err') };
    execFileSync('mkfifo', Object.values(stdio));
  });

  /** What is there now, up to a number of bytes. */
  const take = (fd: number, bytes: number): string => {
    const buffer = Buffer.alloc(bytes);
    try {
      return buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
      throw error;
    }
  };
  const open = (path: string, flags: number): number => openSync(path, flags | constants.O_NONBLOCK);

  test('a client that never comes holds up nothing but the writer: exec, kill, wait and delete work', async () => {
    const task = await shim.create({ args: count, stdio });
    await shim.startTask(task);
    await eventually(() => /^State:\s+S/m.test(readFileSync(`/proc/${task.pid}/status`, 'utf8')), 'the writer to block');
    const socket = await shim.exec(task, 'beside', { args: ['echo', 'free'] });
    const client = await shim.attach(socket, false);
    await shim.startTask(task, 'beside');
    expect(await client.output).toEqual(['free\n', '']);
    expect(await statusOf(shim, task)).toBe(Status.RUNNING);
    await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false });
    expect(await shim.wait(task)).toBe(137);
    expect(await shim.delete(task)).toBe(137);
  });

  test('a client that leaves and comes back finds every byte', async () => {
    const task = await shim.create({ args: count, stdio });
    await shim.startTask(task);
    let text = '';
    for (let visit = 0; visit < 3; visit++) {
      const fd = open(stdio.stdout, constants.O_RDONLY);
      await eventually(() => (text += take(fd, 100_000)).length > (visit + 1) * 200_000, `the bytes of visit ${visit}`);
      closeSync(fd);
      expect(await statusOf(shim, task)).toBe(Status.RUNNING);
    }
    const fd = open(stdio.stdout, constants.O_RDONLY);
    await eventually(() => (text += take(fd, 1 << 20)).length >= counted.length, 'the rest');
    closeSync(fd);
    expect(text).toBe(counted);
    expect(await shim.wait(task)).toBe(3);
    await shim.delete(task);
  });

  test('a slow reader gets every line, also what was left at the exit and after the delete', async () => {
    const task = await shim.create({ args: ['seq', '1', '30000'], stdio });
    const fd = open(stdio.stdout, constants.O_RDONLY);
    await shim.startTask(task);
    expect(await shim.wait(task)).toBe(0);
    await shim.delete(task);
    let text = '';
    await eventually(() => (text += take(fd, 4096)).endsWith('30000\n'), 'the last line');
    closeSync(fd);
    expect(text).toBe(Array.from({ length: 30_000 }, (_, index) => `${index + 1}\n`).join(''));
  });

  test('a writer that leaves does not close stdin; CloseIO does', async () => {
    const task = await shim.create({ args: ['sh', '-c', 'cat; exit 4'], stdio });
    const out = open(stdio.stdout, constants.O_RDONLY);
    await shim.startTask(task);
    let text = '';
    for (const word of ['one\n', 'two\n']) {
      execFileSync('sh', ['-c', `printf '%s' "$1" > "$2"`, 'sh', word, stdio.stdin]);
      await eventually(() => (text += take(out, 100)).endsWith(word), word);
    }
    expect(await statusOf(shim, task)).toBe(Status.RUNNING);
    await shim.tasks.closeIo(shim.ctx, { id: task.id, execId: '', stdin: true });
    expect(await shim.wait(task)).toBe(4);
    expect(text).toBe('one\ntwo\n');
    closeSync(out);
    await shim.delete(task);
  });
});
