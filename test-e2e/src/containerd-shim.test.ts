import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { busybox, command, groupsBelow, hasProgram, startContainerd, testWith, until, writeCommand, type Containerd } from './harness';

const able = hasProgram('containerd') && hasProgram('ctr');
const ctrTest = testWith('containerd', able);
const ROOT = '/run/gantry-shim';

/** Our shim below Debian's containerd: `ctr run --runtime io.containerd.gantry.v2`. */
describe('containerd-shim-gantry-v2', () => {
  let containerd: Containerd;
  beforeAll(async () => {
    if (able) containerd = await startContainerd((folder) => void writeCommand(folder, 'containerd-shim-gantry-v2'));
  }, 120_000);
  afterAll(async () => {
    if (containerd === undefined) return;
    const run = place();
    try {
      // After a failure only: tasks whose shim is gone.
      if (existsSync(run)) for (const file of globSync(`${run}/tasks/*/*/monitor.json`)) endBoth(file);
      await containerd.destroy();
    } finally {
      rmSync(run, { recursive: true, force: true });
    }
  }, 120_000);
  const place = () => join(ROOT, createHash('sha256').update(containerd.address).digest('hex').slice(0, 16));

  const flags = ['--runtime', 'io.containerd.gantry.v2'];
  const run = (...args: string[]) => containerd.ctr(['run', '--rm', ...flags, busybox, ...args]);
  const detached = (id: string, ...args: string[]) => containerd.ok('run', '-d', ...flags, busybox, id, ...args);
  const status = async (id: string) => new RegExp(`^${id}\\s+\\d+\\s+(\\w+)`, 'm').exec(await containerd.ok('tasks', 'ls'))?.[1];
  const shims = () => containerd.others().filter(({ line }) => line.includes('containerd-shim-gantry-v2.cjs') && line.endsWith('serve '));
  const end = async (id: string) => {
    await containerd.ctr(['tasks', 'kill', '-s', 'SIGKILL', id]);
    await until(`${id} to stop`, async () => (await status(id)) === 'STOPPED');
    expect((await containerd.ctr(['tasks', 'rm', id])).stderr).toContain('137');
    await containerd.ok('containers', 'rm', id);
  };
  const mounts = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${containerd.state}/`) && line.includes('/rootfs'));
  const nothingLeft = async () => {
    await until('the shim to leave', () => shims().length === 0);
    expect(existsSync(place())).toBe(false);
    expect(mounts()).toEqual([]);
    expect(groupsBelow(`/${containerd.namespace}`).filter((dir) => !dir.endsWith(containerd.namespace))).toEqual([]);
  };

  ctrTest(
    'output, exit code, stdin, a missing program; nothing is left',
    async () => {
      expect(await run('one', 'sh', '-c', 'echo out; echo err >&2')).toMatchObject({ code: 0, stdout: 'out\n', stderr: 'err\n' });
      expect((await run('two', 'sh', '-c', 'exit 42')).code).toBe(42);
      expect((await run('three', 'nosuch')).stderr).toContain('executable file not found in $PATH');
      // ctr knows whom to tell of the end of its stdin only when Create was answered; until Start nobody reads it.
      const piped = (verb: string) =>
        command('sh', ['-c', `echo typed | timeout -s KILL 20 ctr -a ${containerd.address} -n ${containerd.namespace} ${verb} cat`]);
      for (const id of ['four-1', 'four-2', 'four-3'])
        expect(await piped(`run --rm ${flags.join(' ')} ${busybox} ${id}`)).toMatchObject({ code: 0, stdout: 'typed\n' });
      await detached('held', 'sleep', '6000');
      for (const id of ['e1', 'e2', 'e3'])
        expect(await piped(`tasks exec --exec-id ${id} held`)).toMatchObject({ code: 0, stdout: 'typed\n' });
      await end('held');
      const many = await run('five', 'seq', '1', '50000');
      expect(many.stdout.split('\n').length).toBe(50_001);
      await nothingLeft();
    },
    120_000,
  );

  ctrTest(
    'terminal, exec, pause, limits, metrics, kill, delete; events reach containerd in their namespace',
    async () => {
      const screen = await containerd.terminal(['run', '--rm', '-t', ...flags, busybox, 'tty', 'sh', '-c', 'tty; exit 3']);
      expect(screen.stdout).toContain('/dev/pts/0');
      expect(screen.code).toBe(3);
      const events = containerd.events();
      await containerd.ok('run', '-d', '--memory-limit', '40000000', ...flags, busybox, 'long', 'sleep', '6000');
      expect(await containerd.ctr(['tasks', 'exec', '--exec-id', 'e1', 'long', 'sh', '-c', 'echo in; exit 7'])).toMatchObject({
        code: 7,
        stdout: 'in\n',
      });
      expect((await containerd.terminal(['tasks', 'exec', '--tty', '--exec-id', 'e2', 'long', 'tty'])).stdout).toContain('/dev/pts/0');
      expect(await containerd.ok('tasks', 'metrics', 'long')).toMatch(/memory\.limit_in_bytes\s+39997440|memory\.usage_limit\s+39997440/);
      expect(await containerd.ok('tasks', 'ps', 'long')).toMatch(/^\d+/m);
      await containerd.ok('tasks', 'pause', 'long');
      expect(await status('long')).toBe('PAUSED');
      await containerd.ok('tasks', 'resume', 'long');
      expect(await status('long')).toBe('RUNNING');
      await end('long');
      const told = () =>
        events.lines.filter((line) => line.includes('/tasks/')).map((line) => / (\S+) (\/tasks\/[a-z-]+) /.exec(line)?.slice(1).join(' '));
      await until('the last event', () => told().some((line) => line?.endsWith('/tasks/delete') === true));
      await events.stop();
      expect(new Set(told().map((line) => line?.split(' ')[0]))).toEqual(new Set([containerd.namespace]));
      const topics = told().map((line) => line?.split(' ')[1]);
      for (const topic of ['create', 'start', 'exec-added', 'exec-started', 'paused', 'resumed', 'exit', 'delete'])
        expect(topics).toContain(`/tasks/${topic}`);
      expect(topics.indexOf('/tasks/create')).toBeLessThan(topics.indexOf('/tasks/start'));
      expect(topics.lastIndexOf('/tasks/exit')).toBeLessThan(topics.lastIndexOf('/tasks/delete'));
      await nothingLeft();
    },
    120_000,
  );

  ctrTest(
    'one shim for all tasks and namespaces; the end of one ends no other',
    async () => {
      await detached('a', 'sleep', '6000');
      await detached('b', 'sleep', '6000');
      const other = ['-a', containerd.address, '-n', `${containerd.namespace}-b`];
      await command('ctr', [...other, 'images', 'import', join(containerd.folder, 'busybox.tar')]);
      expect((await command('ctr', [...other, 'run', '-d', ...flags, busybox, 'a', 'sleep', '6000'])).stderr).toBe('');
      expect(shims()).toHaveLength(1);
      await end('a');
      expect(await status('b')).toBe('RUNNING');
      expect((await command('ctr', [...other, 'tasks', 'exec', '--exec-id', 'x', 'a', 'echo', 'there'])).stdout).toBe('there\n');
      await end('b');
      expect(shims()).toHaveLength(1);
      await command('ctr', [...other, 'tasks', 'rm', '-f', 'a']);
      await command('ctr', [...other, 'containers', 'rm', 'a']);
      await command('ctr', [...other, 'images', 'rm', busybox]);
      await nothingLeft();
    },
    120_000,
  );

  ctrTest(
    'containerd restarts: the task goes on, and what ended meanwhile is told',
    async () => {
      await detached('stays', 'sleep', '6000');
      await detached('ends', 'sh', '-c', 'sleep 0.7; exit 9');
      await containerd.halt();
      expect(shims()).toHaveLength(1);
      await containerd.start();
      expect(await status('stays')).toBe('RUNNING');
      expect(await containerd.ok('tasks', 'exec', '--exec-id', 'x', 'stays', 'echo', 'again')).toBe('again\n');
      await until('the other to stop', async () => (await status('ends')) === 'STOPPED');
      expect((await containerd.ctr(['tasks', 'rm', 'ends'])).stderr).toContain('9');
      await containerd.ok('containers', 'rm', 'ends');
      await end('stays');
      await nothingLeft();
    },
    120_000,
  );

  ctrTest(
    'kill -9 of the shim: containerd has its tasks deleted, and nothing is left',
    async () => {
      await detached('lost', 'sleep', '6000');
      await containerd.ok('tasks', 'exec', '-d', '--exec-id', 'x', 'lost', 'sleep', '6001');
      await detached('too', 'sh', '-c', 'trap "" TERM; while :; do sleep 1; done');
      const pids = (await containerd.ok('tasks', 'ls'))
        .split('\n')
        .slice(1)
        .filter(Boolean)
        .map((line) => line.split(/\s+/)[1] ?? '');
      expect(pids).toHaveLength(2);
      process.kill(shims()[0]?.pid ?? 0, 'SIGKILL');
      await until('containerd to forget both', async () => (await containerd.ok('tasks', 'ls', '-q')) === '');
      await until('the containers to end', () => pids.every((pid) => !existsSync(`/proc/${pid}/root/bin`)));
      await nothingLeft();
      await until('the programs that cleaned up to end', () => containerd.others().length === 0);
      for (const id of ['lost', 'too']) await containerd.ok('containers', 'rm', id);
      expect((await run('after', 'echo', 'well')).stdout).toBe('well\n');
      await nothingLeft();
    },
    120_000,
  );
});

function endBoth(file: string): void {
  const { pid, monitor_pid: monitor } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; monitor_pid: number };
  for (const one of [pid, monitor]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
}
