import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { packJson, unpackAny } from '@gantry/api';
import { Metrics as MetricsV1 } from '@gantry/api/io/containerd/cgroups/v1/metrics';
import { Metrics as MetricsV2 } from '@gantry/api/io/containerd/cgroups/v2/metrics';
import { ProcessDetails } from '@gantry/api/containerd/runc/v1/runc';
import { Status } from '@gantry/api/containerd/v1/types/task';
import type { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import { createCgroupManager } from '@gantry/runtime';
import { containerdCases } from './containerd-cases';
import { type Created, eventually, ShimFixture } from './shim-fixture';
import { stdinCases } from './stdin-cases';

/** What every driver must do, whichever runtime makes the containers. */
export function driverSuite(name: string, options: Partial<CreateOptions>): void {
  describe(`driver ${name}`, () => {
    let shim: ShimFixture;
    beforeAll(async () => {
      shim = new ShimFixture(options);
      await shim.start();
    });
    afterAll(async () => {
      await shim.remove();
    });

    stdinCases(() => shim);
    containerdCases(() => shim);

    /** Ends a task the hard way and takes it away. */
    const finish = async (task: Created): Promise<number> => {
      await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 9, all: false }).catch(() => undefined);
      await shim.wait(task);
      return shim.delete(task);
    };

    test('output, exit code, log and events of a short task; nothing is left', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'echo out; echo err >&2; exit 7'] });
      expect((await shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).status).toBe(Status.CREATED);
      const client = await shim.attach(task.socket, false);
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(7);
      expect(shim.log(task).sort()).toEqual([
        ['stderr', 'err\n'],
        ['stdout', 'out\n'],
      ]);
      expect(await client.output).toEqual(['out\n', 'err\n']);
      const state = await shim.tasks.state(shim.ctx, { id: task.id, execId: '' });
      expect(state).toMatchObject({ status: Status.STOPPED, exitStatus: 7, pid: task.pid });
      expect(await shim.delete(task)).toBe(7);
      expect(shim.mounts()).toEqual([]);
      expect(shim.hasCgroup(task)).toBe(false);
      expect(existsSync(task.bundle)).toBe(false);
      expect(existsSync(task.socket)).toBe(false);
      expect(existsSync(`/proc/${task.pid}`)).toBe(false);
      await eventually(() => shim.topics(task).includes('/tasks/delete'), 'delete event');
      expect(shim.topics(task)).toEqual(['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
      await expect(shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).rejects.toMatchObject({ kind: 'notFound' });
    });

    test('a monitor told to end by a shutdown kills what does not end by itself, and leaves', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] });
      await shim.startTask(task);
      const { monitor_pid: monitor } = JSON.parse(readFileSync(join(task.bundle, 'monitor.json'), 'utf8')) as { monitor_pid: number };
      process.kill(monitor, 'SIGTERM');
      expect(await shim.wait(task)).toBe(137);
      await eventually(() => !existsSync(`/proc/${monitor}`), 'the end of the monitor');
      expect(await shim.delete(task)).toBe(137);
    });

    test('stdin is delivered and closed', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'cat; echo end'], stdin: true });
      const client = await shim.attach(task.socket);
      await shim.startTask(task);
      const big = 'x'.repeat(200_000);
      client.write(`first\n${big}\n`);
      client.end();
      expect(await client.output).toEqual([`first\n${big}\nend\n`, '']);
      expect(await shim.wait(task)).toBe(0);
      await shim.delete(task);
    });

    test('without stdin a reader sees its end at once', async () => {
      const task = await shim.create({ args: ['cat'] });
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(0);
      await shim.delete(task);
    });

    test('a terminal is real and can be resized', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'tty; read x; stty size; echo "got $x"; exit 3'], terminal: true, stdin: true });
      const client = await shim.attach(task.socket);
      expect(client.tty).toBe(true);
      await shim.startTask(task);
      await client.seen('/dev/');
      await shim.tasks.resizePty(shim.ctx, { id: task.id, execId: '', width: 91, height: 33 });
      client.write('word\n');
      const [out] = await client.output;
      expect(out).toContain('33 91\r\n');
      expect(out).toContain('got word\r\n');
      expect(await shim.wait(task)).toBe(3);
      await shim.delete(task);
    });

    test('signals end a task with 128+n; a kill of a dead one is notFound', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'trap "exit 40" TERM; echo ready; while :; do sleep 0.05; done'] });
      const client = await shim.attach(task.socket, false);
      await shim.startTask(task);
      await client.seen('ready');
      await expect(shim.delete(task)).rejects.toMatchObject({ kind: 'failedPrecondition' });
      await shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 15, all: false });
      expect(await shim.wait(task)).toBe(40);
      await expect(shim.tasks.kill(shim.ctx, { id: task.id, execId: '', signal: 15, all: false })).rejects.toMatchObject({
        kind: 'notFound',
      });
      await shim.delete(task);
      const hard = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(hard);
      expect(await finish(hard)).toBe(137);
    });

    test('a created task that never ran can be deleted', async () => {
      const task = await shim.create({ args: ['true'] });
      expect(await shim.delete(task)).toBe(137);
      expect(shim.mounts()).toEqual([]);
      expect(existsSync(`/proc/${task.pid}`)).toBe(false);
    });

    test('an exec process that never ran can be deleted, and its name be used again', async () => {
      const task = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(task);
      await shim.exec(task, 'idle', { args: ['true'] });
      expect(await shim.delete(task, 'idle')).toBe(0);
      await shim.exec(task, 'idle', { args: ['sh', '-c', 'exit 8'] });
      await shim.startTask(task, 'idle');
      expect(await shim.wait(task, 'idle')).toBe(8);
      await shim.exec(task, 'left', { args: ['true'] });
      await finish(task);
      expect(existsSync(task.bundle)).toBe(false);
    });

    test('exec runs inside, with its own output, stdin, terminal and exit code', async () => {
      const task = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(task);

      const plain = await shim.exec(task, 'one', { args: ['sh', '-c', 'cat; echo err >&2; exit 9'], stdin: true });
      const client = await shim.attach(plain);
      const pid = await shim.startTask(task, 'one');
      expect(pid).toBeGreaterThan(0);
      client.write('typed\n');
      client.end();
      expect(await client.output).toEqual(['typed\n', 'err\n']);
      expect(await shim.wait(task, 'one')).toBe(9);
      expect(await shim.delete(task, 'one')).toBe(9);

      const tty = await shim.exec(task, 'two', { args: ['sh', '-c', 'read x; stty size; echo "got $x"'], terminal: true, stdin: true });
      const terminal = await shim.attach(tty);
      await shim.startTask(task, 'two');
      await shim.tasks.resizePty(shim.ctx, { id: task.id, execId: 'two', width: 70, height: 20 });
      terminal.write('word\n');
      const [out] = await terminal.output;
      expect(out).toContain('20 70\r\n');
      expect(out).toContain('got word\r\n');
      expect(await shim.wait(task, 'two')).toBe(0);
      await shim.delete(task, 'two');

      await shim.exec(task, 'three', { args: ['sleep', '100'] });
      const third = await shim.startTask(task, 'three');
      const { processes } = await shim.tasks.pids(shim.ctx, { id: task.id });
      const found = processes.find((one) => one.pid === third);
      expect(unpackAny(found?.info, ProcessDetails)).toEqual({ execId: 'three' });
      expect(processes.map((one) => one.pid)).toContain(task.pid);
      await shim.tasks.kill(shim.ctx, { id: task.id, execId: 'three', signal: 9, all: false });
      expect(await shim.wait(task, 'three')).toBe(137);
      await shim.delete(task, 'three');
      await finish(task);
    });

    test('a program that is missing or may not run is told with 127 and 126', async () => {
      for (const [args, code] of [
        [['/no/such/program'], 127],
        [['/etc/not-executable'], 126],
      ] as const) {
        // runc looks the program up at create, others at start
        const failure = await (async () => {
          const task = await shim.create({ args });
          try {
            await shim.startTask(task);
          } finally {
            await finish(task);
          }
        })().catch((error: unknown) => error);
        expect(failure).toMatchObject({ kind: 'invalidArgument', meta: { exitCode: code } });
      }
      const task = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(task);
      const failure = await (async () => {
        await shim.exec(task, 'bad', { args: ['/no/such/program'] });
        await shim.startTask(task, 'bad');
      })().catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'invalidArgument', meta: { exitCode: 127 } });
      await finish(task);
      expect(shim.mounts()).toEqual([]);
    });

    test('pause stops the clock, resume lets it go on', async () => {
      const task = await shim.create({ args: ['sh', '-c', 'while :; do echo tick; sleep 0.02; done'] });
      await shim.startTask(task);
      await eventually(() => shim.log(task).length > 2, 'ticks');
      await shim.tasks.pause(shim.ctx, { id: task.id });
      expect((await shim.tasks.state(shim.ctx, { id: task.id, execId: '' })).status).toBe(Status.PAUSED);
      const before = shim.log(task).length;
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(shim.log(task).length - before).toBeLessThanOrEqual(1);
      await shim.tasks.resume(shim.ctx, { id: task.id });
      await eventually(() => shim.log(task).length > before + 3, 'ticks after resume');
      await finish(task);
    });

    test('limits can be changed, stats are told', async () => {
      const task = await shim.create({
        args: ['sleep', '100'],
        change: (spec) => Object.assign(spec.linux?.resources ?? {}, { memory: { limit: 64 << 20 } }),
      });
      await shim.startTask(task);
      await shim.tasks.update(shim.ctx, {
        id: task.id,
        resources: packJson('types.containerd.io/opencontainers/runtime-spec/1/LinuxResources', {
          memory: { limit: 48 << 20 },
          pids: { limit: 33 },
        }),
        annotations: {},
      });
      const { stats } = await shim.tasks.stats(shim.ctx, { id: task.id });
      expect(stats?.typeUrl).toMatch(/^io\.containerd\.cgroups\.v[12]\.Metrics$/);
      const [one, two] = [unpackAny(stats, MetricsV1), unpackAny(stats, MetricsV2)];
      expect(one?.memory?.usage?.limit ?? two?.memory?.usageLimit).toBe(BigInt(48 << 20));
      expect(one?.pids?.limit ?? two?.pids?.limit).toBe(33n);
      const { tasks } = await shim.stats.collect(shim.ctx, { ids: ['nobody', task.id] });
      // those of another shim are asked for one by one
      expect(tasks.map((told) => [told.id, told.stats?.typeUrl])).toEqual(
        options.driver === 'containerd-shim' ? [] : [[task.id, stats?.typeUrl]],
      );
      await finish(task);
    });

    test('an out-of-memory kill is told before the exit', async () => {
      const task = await shim.create({
        args: ['sh', '-c', 'x=x; while :; do x=$x$x$x; done'],
        change: (spec) => Object.assign(spec.linux?.resources ?? {}, { memory: { limit: 16 << 20, swap: 16 << 20 } }),
      });
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(137);
      await shim.delete(task);
      await eventually(() => shim.topics(task).includes('/tasks/delete'), 'delete event');
      // Some tell a kill once, others each look at the kernel's counter.
      const topics = shim.topics(task).filter((topic, at, all) => topic !== '/tasks/oom' || all[at - 1] !== topic);
      expect(topics).toEqual(['/tasks/create', '/tasks/start', '/tasks/oom', '/tasks/exit', '/tasks/delete']);
    });

    test('fifos of a containerd client carry stdio', async () => {
      const fifo = (which: string): string => join(shim.dir, `fifo-${which}`);
      for (const which of ['in', 'out', 'err']) execFileSync('mkfifo', [fifo(which)]);
      const uris = { stdin: fifo('in'), stdout: fifo('out'), stderr: fifo('err') };
      const task = await shim.create({ args: ['sh', '-c', 'cat; echo problem >&2; exit 5'], stdio: uris });
      await shim.startTask(task); // nobody has opened the client's ends yet
      const [input, output, errors] = [
        openSync(uris.stdin, 'w'),
        openSync(uris.stdout, constants.O_RDONLY | constants.O_NONBLOCK),
        openSync(uris.stderr, constants.O_RDONLY | constants.O_NONBLOCK),
      ];
      writeSync(input, 'through the fifo\n');
      await shim.tasks.closeIo(shim.ctx, { id: task.id, execId: '', stdin: true });
      closeSync(input);
      expect(await shim.wait(task)).toBe(5);
      const drain = async (fd: number): Promise<string> => {
        let text = '';
        for (const buffer = Buffer.alloc(4096); ;) {
          try {
            const n = readSync(fd, buffer);
            if (n === 0) return text;
            text += buffer.toString('utf8', 0, n);
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        }
      };
      expect([await drain(output), await drain(errors)]).toEqual(['through the fifo\n', 'problem\n']);
      for (const fd of [output, errors]) closeSync(fd);
      await shim.delete(task);
    });

    test('a deletion is answered when a FIFO has taken all output, for its reader hangs up then', async () => {
      const path = join(shim.dir, 'slow-out');
      execFileSync('mkfifo', [path]);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const args = ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done'];
      const task = await shim.create({ args, stdio: { stdin: '', stdout: path, stderr: '' } });
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(0);
      let deleted = false;
      const deletion = shim.delete(task).then(() => (deleted = true));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(deleted).toBe(false); // more than a pipe holds
      const [buffer, found] = [Buffer.alloc(65536), [] as number[]];
      const take = (): number => {
        try {
          return readSync(reader, buffer);
        } catch {
          return 0; // nothing now
        }
      };
      for (; !deleted; found.push(take())) await new Promise((resolve) => setTimeout(resolve, 10));
      await deletion;
      found.push(take());
      closeSync(reader);
      expect(found.reduce((sum, n) => sum + n, 0)).toBe(3000 * 41);
    });

    test('of a terminal the stderr that a client names is left alone', async () => {
      const uris = { stdin: join(shim.dir, 'tty-in'), stdout: join(shim.dir, 'tty-out'), stderr: join(shim.dir, 'never-made') };
      for (const path of [uris.stdin, uris.stdout]) execFileSync('mkfifo', [path]);
      const task = await shim.create({ args: ['sleep', '100'], terminal: true, stdio: uris });
      await shim.startTask(task);
      await shim.exec(task, 'tty', { args: ['sh', '-c', 'exit 6'], terminal: true, stdio: uris });
      await shim.startTask(task, 'tty');
      expect(await shim.wait(task, 'tty')).toBe(6);
      await shim.delete(task, 'tty');
      expect(existsSync(uris.stderr)).toBe(false);
      await finish(task);
    });

    test('to a client with fifos, an exec of a program that is missing fails at its start, and its deletion tells 0', async () => {
      const uris = { stdin: '', stdout: join(shim.dir, 'none-out'), stderr: join(shim.dir, 'none-err') };
      for (const path of [uris.stdout, uris.stderr]) execFileSync('mkfifo', [path]);
      const errors = openSync(uris.stderr, constants.O_RDONLY | constants.O_NONBLOCK);
      const task = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(task);
      const exec = (id: string) => shim.exec(task, id, { args: ['/no/such/program'], stdio: uris });
      await exec('first');
      await expect(shim.startTask(task, 'first')).rejects.toMatchObject({ kind: 'invalidArgument', meta: { exitCode: 127 } });
      expect(await shim.tasks.state(shim.ctx, { id: task.id, execId: 'first' })).toMatchObject({ status: Status.CREATED, exitStatus: 0 });
      expect(await shim.delete(task, 'first')).toBe(0);
      expect(readSync(errors, Buffer.alloc(100))).toBe(0); // the reason is the call's, not the process's output
      closeSync(errors);
      await exec('second');
      await exec('left');
      await shim.stop();
      await shim.start();
      await expect(shim.startTask(task, 'second')).rejects.toMatchObject({ kind: 'invalidArgument', meta: { exitCode: 127 } });
      await finish(task);
      expect(existsSync(task.bundle)).toBe(false);
      expect(shim.topics(task).filter((topic) => topic === '/tasks/exit')).toHaveLength(1);
    });

    test('the monitors of a task go into the cgroup that is named for its shim, if it is there', async () => {
      const cgroups = createCgroupManager();
      const group = cgroups.plan(`/gantry-test-shim-${process.pid}`);
      const options = { shimCgroup: group.path };
      await expect(shim.create({ args: ['true'], options })).rejects.toMatchObject({ kind: 'failedPrecondition' });
      await cgroups.create(group);
      const task = await shim.create({ args: ['sleep', '100'], options });
      await shim.startTask(task);
      await shim.exec(task, 'more', { args: ['sleep', '100'] });
      const monitors = await cgroups.pids(group);
      expect(monitors).toHaveLength(2);
      expect(monitors).not.toContain(task.pid);
      await finish(task);
      await cgroups.remove(group); // which waits for them
    });

    test('a user who is not root opens its own output again', async () => {
      const task = await shim.create({
        args: ['sh', '-c', 'echo out >/dev/stdout; echo err >/dev/stderr'],
        change: (spec) => Object.assign(spec.process ?? {}, { user: { uid: 77, gid: 77 } }),
      });
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(0);
      await shim.delete(task);
      expect(shim.log(task).sort()).toEqual([
        ['stderr', 'err\n'],
        ['stdout', 'out\n'],
      ]);
    });

    test('a file takes both outputs, of an exec process too', async () => {
      const path = join(shim.dir, 'out.txt');
      const task = await shim.create({
        args: ['sh', '-c', 'echo one; echo two >&2; sleep 100'],
        stdio: { stdin: '', stdout: `file://${path}`, stderr: `file://${path}` },
      });
      await shim.startTask(task);
      await eventually(() => existsSync(path) && readFileSync(path, 'utf8').includes('two'), 'output');
      await shim.exec(task, 'more', { args: ['echo', 'three'], stdio: { stdin: '', stdout: `file://${path}`, stderr: '' } });
      await shim.startTask(task, 'more');
      expect(await shim.wait(task, 'more')).toBe(0);
      expect(readFileSync(path, 'utf8').split('\n').sort()).toEqual(['', 'one', 'three', 'two']);
      await finish(task);
    });

    test("a logging binary takes both outputs by containerd's protocol; one that fails is told", async () => {
      const script = join(shim.dir, 'logger.sh');
      const target = join(shim.dir, 'logger.txt');
      writeFileSync(
        script,
        `#!/bin/sh\nexec >>"$2"\necho "$CONTAINER_ID $CONTAINER_NAMESPACE $#"\nexec 5>&-\ncat <&3 | sed s/^/out:/ &\ncat <&4 | sed s/^/err:/\nwait\necho end\n`,
        { mode: 0o755 },
      );
      const uri = `binary://${script}?to=${encodeURIComponent(target)}`;
      const task = await shim.create({ args: ['sh', '-c', 'echo a; echo b >&2; exit 3'], stdio: { stdin: '', stdout: uri, stderr: uri } });
      await shim.startTask(task);
      expect(await shim.wait(task)).toBe(3);
      await eventually(() => readFileSync(target, 'utf8').endsWith('end\n'), "the logger's end");
      const [first, ...rest] = readFileSync(target, 'utf8').trimEnd().split('\n');
      expect(first).toBe(`${task.id} testing 2`);
      expect(rest.sort()).toEqual(['end', 'err:b', 'out:a']);
      await shim.delete(task);
      writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
      await expect(shim.create({ args: ['true'], stdio: { stdin: '', stdout: uri, stderr: uri } })).rejects.toMatchObject({
        message: expect.stringContaining(script) as string,
      });
      expect(shim.mounts()).toEqual([]);
    });

    test('a process shorter than its start keeps its exit code', async () => {
      for (let code = 1; code <= 5; code++) {
        const task = await shim.create({ args: ['sh', '-c', `exit ${code}`] });
        await shim.startTask(task);
        expect(await shim.wait(task)).toBe(code);
        await shim.delete(task);
        await eventually(() => shim.topics(task).includes('/tasks/delete'), 'delete event');
        expect(shim.topics(task)).toEqual(['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
      }
    });

    test('a second task of the same id, an unknown one, and an exec in a stopped one are refused by kind', async () => {
      const task = await shim.create({ args: ['true'] });
      await shim.startTask(task);
      await shim.wait(task);
      await expect(
        shim.tasks.create(shim.ctx, {
          id: task.id,
          bundle: task.bundle,
          rootfs: [],
          terminal: false,
          stdin: '',
          stdout: '',
          stderr: '',
          checkpoint: '',
          parentCheckpoint: '',
          options: undefined,
        }),
      ).rejects.toMatchObject({ kind: 'alreadyExists' });
      await expect(shim.exec(task, 'late', { args: ['true'] })).rejects.toMatchObject({ kind: 'failedPrecondition' });
      await expect(shim.startTask(task)).rejects.toMatchObject({ kind: 'failedPrecondition' });
      await expect(shim.wait({ ...task, id: 'nobody' })).rejects.toMatchObject({ kind: 'notFound' });
      await expect(shim.tasks.kill(shim.ctx, { id: 'nobody', execId: '', signal: 9, all: false })).rejects.toMatchObject({
        kind: 'notFound',
      });
      await shim.delete(task);
    });

    test("the log is docker's: escapes, invalid bytes, long lines, a last line without its end", async () => {
      const task = await shim.create({
        args: [
          'sh',
          '-c',
          'printf "a\\t<\\"\\\\>\\377 \\303\\251 \\342\\200\\250\\r\\n"; head -c 20000 /dev/zero | tr "\\0" x; echo; printf tail',
        ],
      });
      await shim.startTask(task);
      await shim.wait(task);
      await shim.delete(task);
      const lines = readFileSync(task.log, 'utf8').trimEnd().split('\n');
      expect(lines[0]).toMatch(
        /^\{"log":"a\\u0009\\u003c\\"\\\\\\u003e\\ufffd é \\u2028\\r\\n","stream":"stdout","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z"\}$/,
      );
      expect(shim.log(task).map(([, text]) => text.length)).toEqual(['a\t<"\\>\ufffd é \u2028\r\n'.length, 16384, 20000 - 16384 + 1, 4]);
    });

    test('a log is rotated by size and keeps its attributes', async () => {
      const path = join(shim.dir, 'rotated.log');
      const task = await shim.create({
        args: ['seq', '1', '2000'],
        options: {
          log: { path, maxSize: 20_000n, maxFile: 3, attrs: { tag: 'x' }, compress: false, passed: '', waits: false, plain: false },
        },
      });
      await shim.startTask(task);
      await shim.wait(task);
      await shim.delete(task);
      const files = [`${path}.2`, `${path}.1`, path].map((file) =>
        readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { log: string; attrs: unknown }),
      );
      expect(existsSync(`${path}.3`)).toBe(false);
      const numbers = files.flat().map(({ log }) => Number(log));
      expect(numbers.at(-1)).toBe(2000);
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
      expect(files[0]?.[0]?.attrs).toEqual({ tag: 'x' });
    });

    test('of two starts one wins', async () => {
      const task = await shim.create({ args: ['sleep', '100'] });
      const both = await Promise.allSettled([shim.startTask(task), shim.startTask(task)]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await finish(task)).toBe(137);
      await eventually(() => shim.topics(task).includes('/tasks/exit'), 'exit event');
    });

    test('a grandchild that holds the output does not hold the exit', async () => {
      const task = await shim.create({ args: ['sleep', '100'] });
      await shim.startTask(task);
      await shim.exec(task, 'holder', { args: ['sh', '-c', 'sleep 60 & echo done'] });
      await shim.startTask(task, 'holder');
      const began = Date.now();
      expect(await shim.wait(task, 'holder')).toBe(0);
      expect(Date.now() - began).toBeLessThan(40_000);
      await shim.delete(task, 'holder');
      await finish(task);
    });

    test('a restarted shim finds its tasks, their exits and their execs again', async () => {
      const running = await shim.create({ args: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done'] });
      await shim.startTask(running);
      await shim.exec(running, 'kept', { args: ['sleep', '100'] });
      await shim.startTask(running, 'kept');
      const ending = await shim.create({ args: ['sh', '-c', 'sleep 0.3; exit 21'] });
      await shim.startTask(ending);
      await shim.stop();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await shim.start();
      expect(await shim.wait(ending)).toBe(21);
      await eventually(() => shim.topics(ending).includes('/tasks/exit'), 'exit event after the restart');
      expect(shim.topics(ending).filter((topic) => topic === '/tasks/exit')).toHaveLength(1);
      expect((await shim.tasks.state(shim.ctx, { id: running.id, execId: '' })).status).toBe(Status.RUNNING);
      expect((await shim.tasks.state(shim.ctx, { id: running.id, execId: 'kept' })).status).toBe(Status.RUNNING);
      await shim.tasks.kill(shim.ctx, { id: running.id, execId: 'kept', signal: 9, all: false });
      expect(await shim.wait(running, 'kept')).toBe(137);
      await finish(running);
      await shim.delete(ending);
      const lines = shim.log(running).map(([, text]) => Number(text));
      expect(lines).toEqual(lines.map((_, index) => index + 1));
      expect(shim.mounts()).toEqual([]);
    });
  });
}
