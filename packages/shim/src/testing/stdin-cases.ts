import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { type Created, eventually, type ShimFixture } from './shim-fixture';

/** CloseIO of a containerd client, which copies its own stdin into a FIFO and may end before it is waited for. */
export function stdinCases(shim: () => ShimFixture): void {
  let next = 0;
  const fifo = (): string => {
    const path = join(shim().dir, `stdin-${next++}`);
    execFileSync('mkfifo', [path]);
    return path;
  };
  const close = (task: Created, execId = '') => shim().tasks.closeIo(shim().ctx, { id: task.id, execId, stdin: true });
  const cat = (stdin: string, args: readonly string[] = ['cat']) => shim().create({ args, stdio: { stdin, stdout: '', stderr: '' } });
  const text = (task: Created) =>
    shim()
      .log(task)
      .map(([, line]) => line)
      .join('');
  /** Opens as no client would: for reading too, and so at once. */
  const client = (path: string) => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);

  test("nothing is read of a stdin fifo before Start, so that a client's CloseIO comes after its Create", async () => {
    const path = fifo();
    const task = await cat(path);
    const early = () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    expect(early).toThrow('ENXIO'); // there is no reader
    await shim().startTask(task);
    const end = early();
    writeSync(end, 'typed\n');
    closeSync(end);
    await close(task);
    expect(await shim().wait(task)).toBe(0);
    expect(text(task)).toBe('typed\n');
    await shim().delete(task);
  });

  test('CloseIO between Create and Start ends stdin after what was written', async () => {
    const path = fifo();
    const task = await cat(path);
    const end = client(path);
    writeSync(end, 'early\n');
    await close(task);
    await close(task);
    await shim().startTask(task);
    writeSync(end, 'late\n');
    closeSync(end);
    expect(await shim().wait(task)).toBe(0);
    expect(text(task)).toBe('early\nlate\n');
    await shim().delete(task);
    const idle = await cat(fifo());
    await close(idle);
    await shim().startTask(idle); // nobody ever wrote
    expect(await shim().wait(idle)).toBe(0);
    await shim().delete(idle);
  });

  test('a client that leaves, with its fifo, neither blocks a start nor ends stdin; CloseIO does, twice and after the exit too', async () => {
    const path = fifo();
    const task = await cat(path);
    rmSync(path);
    await shim().startTask(task);
    const second = fifo();
    const other = await cat(second);
    await shim().startTask(other);
    const end = openSync(second, constants.O_WRONLY);
    writeSync(end, 'one\n');
    closeSync(end);
    await eventually(() => text(other) === 'one\n', 'the line');
    const again = openSync(second, constants.O_WRONLY);
    writeSync(again, 'two\n');
    closeSync(again);
    await eventually(() => text(other) === 'one\ntwo\n', 'the second line');
    for (const one of [task, other]) {
      expect((await shim().tasks.state(shim().ctx, { id: one.id, execId: '' })).status).toBe(Status.RUNNING);
      await Promise.all([close(one), close(one)]);
      expect(await shim().wait(one)).toBe(0);
      await close(one);
      await shim().delete(one);
      await expect(close(one)).rejects.toMatchObject({ kind: 'notFound' });
    }
  });

  test('CloseIO of an exec process before, during and after its Start', async () => {
    const task = await cat('', ['sleep', '100']);
    await shim().startTask(task);
    for (const [execId, moment] of [
      ['e1', 'before'],
      ['e2', 'during'],
      ['e3', 'after'],
    ] as const) {
      const stdin = fifo();
      const output = join(shim().dir, `${execId}.txt`);
      await shim().exec(task, execId, { args: ['sh', '-c', 'cat; exit 6'], stdio: { stdin, stdout: `file://${output}`, stderr: '' } });
      const end = client(stdin);
      writeSync(end, `${moment}\n`);
      if (moment === 'before') await close(task, execId);
      const started = shim().startTask(task, execId);
      if (moment === 'during') await close(task, execId);
      await started;
      closeSync(end);
      if (moment === 'after') await close(task, execId);
      expect(await shim().wait(task, execId)).toBe(6);
      await close(task, execId);
      await shim().delete(task, execId); // which waits for the output: a containerd shim copies it beside the exit
      expect(execFileSync('cat', [output], { encoding: 'utf8' })).toBe(`${moment}\n`);
    }
    await shim().tasks.kill(shim().ctx, { id: task.id, execId: '', signal: 9, all: false });
    await shim().wait(task);
    await shim().delete(task);
  });
}
