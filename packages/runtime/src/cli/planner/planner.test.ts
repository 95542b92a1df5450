/** The planner behind gantry-runc: who it serves, and what a loss on either side leaves. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCgroupManager } from '../../cgroup/manager';
import { layOutCommand, type Command } from '../../testing/command';
import { dockerLikeSpec, makeBundle, missingForContainers } from '../../testing/container';

const missing = missingForContainers();
const work = join(tmpdir(), `gantry-planner-${process.pid}`);
const sockets = '/run/gantry-runc-planner';

(missing === undefined ? describe : describe.skip)(`planner${missing === undefined ? '' : ` [needs ${missing}]`}`, () => {
  let command: Command;
  let box: ReturnType<typeof makeBundle>;
  const parent = `/gantry-test-planner-${process.pid}`;
  const words = (...more: string[]) => ['--root', join(work, 'root'), ...more];
  const run = (options: { env?: NodeJS.ProcessEnv; input?: string }, ...more: string[]) =>
    spawnSync(command.path, words(...more), {
      cwd: box.bundle,
      encoding: 'utf8',
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...options,
    });
  const write = (args: string[], hooks = {}) => {
    const spec = dockerLikeSpec(args);
    spec.linux!.cgroupsPath = `${parent}/c`;
    writeFileSync(join(box.bundle, 'config.json'), JSON.stringify({ ...spec, hooks }));
  };
  const sessionOf = (pid: number | 'self') => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3];
  /** Finished ones: one is made under a name of its own, with the planner's pid behind a dot, and named then. */
  const ownSockets = () => (existsSync(sockets) ? readdirSync(sockets).filter((name) => !/\.\d+$/.test(name)) : []);

  beforeAll(() => {
    mkdirSync(work);
    command = layOutCommand(join(work, 'lib'));
  });
  afterAll(async () => {
    await createCgroupManager().tidy(parent);
    rmSync(work, { recursive: true, force: true });
  });
  beforeEach(() => {
    box = makeBundle();
    write(['true']);
  });
  afterEach(async () => {
    run({}, 'delete', '--force', 'c');
    box.remove();
    await command.end();
  });

  test('the first call starts one, the next ones find it; nothing of the caller stays with it, and its end leaves nothing', async () => {
    const before = ownSockets();
    expect(run({ env: { ...process.env, SECRET: 'x' } }, 'run', 'c').status).toBe(0);
    const [pid = 0] = command.planners();
    expect(pid).not.toBe(0);
    while (ownSockets().length === before.length) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(run({}, 'run', 'c').status).toBe(0);
    expect(command.planners()).toEqual([pid]);
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('SECRET');
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toMatch(/:\/gantry-runc-planner$/m);
    expect(sessionOf(pid)).not.toBe(sessionOf('self'));
    await command.end();
    expect(ownSockets()).toEqual(before);
  });

  test('one of another mount namespace is not asked', () => {
    expect(run({}, 'run', 'c').status).toBe(0);
    const pids = command.planners();
    const apart = spawnSync('unshare', ['-m', command.path, ...words('run', 'c')], {
      cwd: box.bundle,
      encoding: 'utf8',
    });
    expect([apart.status, apart.stderr]).toEqual([0, '']);
    expect(command.planners().filter((pid) => !pids.includes(pid))).toHaveLength(1);
  });

  test('what decides nothing asks nobody', () => {
    for (const verb of [
      ['state', 'none'],
      ['kill', 'none'],
      ['start', 'none'],
      ['delete', 'none'],
      ['ps', 'none'],
      ['pause', 'none'],
      ['resume', 'none'],
      ['list'],
    ]) {
      const { stderr, status } = run({}, ...verb);
      if (verb[0] === 'list') expect(status).toBe(0);
      else expect([status, stderr]).toEqual([1, expect.stringContaining('container \\"none\\" does not exist')]);
    }
    expect(command.planners()).toEqual([]);
  });

  describe('a planner that ends when it is called', () => {
    let server: Server | undefined;
    afterEach(() => server?.close());

    /** What a call comes to whose planner is one that does `answer`. */
    async function calledWhile(answer: (socket: Socket) => void): Promise<{ status: number; text: string; called: number }> {
      const before = ownSockets();
      expect(run({}, 'run', 'c').status).toBe(0);
      const made = (): string | undefined => ownSockets().find((each) => !before.includes(each));
      while (made() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      const path = join(sockets, made() ?? '');
      await command.end();
      mkdirSync(sockets, { recursive: true, mode: 0o700 }); // the last planner takes it away
      let called = 0;
      server = createServer((socket) => {
        called++;
        socket.on('error', () => undefined);
        answer(socket);
      }).listen(path);
      await once(server, 'listening');
      const call = spawn(command.path, words('run', 'c'), { cwd: box.bundle, stdio: ['ignore', 'ignore', 'pipe'] });
      let text = '';
      call.stderr.on('data', (data: Buffer) => (text += data.toString()));
      const [status] = (await once(call, 'close')) as [number];
      return { status, text, called };
    }

    test.each<[string, (socket: Socket) => void]>([
      ['before it has the call', (socket) => socket.destroy()],
      ['before it began with the call', (socket) => socket.once('data', () => socket.destroy())],
    ])('%s: another one carries it out', async (_, answer) => {
      expect(await calledWhile(answer)).toEqual({ status: 0, text: '', called: 1 });
    });

    test('after it began: that is told, and nothing is done twice', async () => {
      const begun = Buffer.from('H\0\0\0\0', 'latin1');
      expect(await calledWhile((socket) => socket.once('data', () => socket.end(begun)))).toEqual({
        status: 1,
        text: expect.stringContaining('the planner ended in the middle of the call') as string,
        called: 1,
      });
      expect(command.planners()).toEqual([]);
    });
  });

  test('a planner that is killed in the middle of a call is told, and the container can be deleted', async () => {
    expect(run({}, 'run', 'c').status).toBe(0);
    write(['true'], { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `touch ${box.bundle}/here; sleep 60`] }] });
    const call = spawn(command.path, words('create', 'c'), { cwd: box.bundle, stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    call.stderr.on('data', (data: Buffer) => (text += data.toString()));
    while (!existsSync(join(box.bundle, 'here'))) await new Promise((resolve) => setTimeout(resolve, 10));
    const pids = command.planners();
    expect(pids).not.toEqual([]);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    spawnSync('pkill', ['-f', `touch ${box.bundle}/here`]);
    expect((await once(call, 'close'))[0]).toBe(1);
    expect(text).toContain('the planner ended in the middle of the call');
    expect(run({}, 'delete', '--force', 'c').status).toBe(0);
    write(['true']);
    expect(run({}, 'run', 'c').status).toBe(0);
  });

  test('a caller that is killed in the middle of a call leaves no container', async () => {
    expect(run({}, 'run', 'c').status).toBe(0);
    write(['true'], { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `touch ${box.bundle}/here; sleep 60`] }] });
    const call = spawn(command.path, words('create', 'c'), { cwd: box.bundle, stdio: 'ignore' });
    while (!existsSync(join(box.bundle, 'here'))) await new Promise((resolve) => setTimeout(resolve, 10));
    call.kill('SIGKILL');
    while (run({}, 'list', '-q').stdout !== '') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(run({}, 'state', 'c').status).toBe(1);
  });

  test('limits are read from stdin where update is told to', () => {
    write(['sleep', '60']);
    expect(spawnSync(command.path, words('run', '-d', 'c'), { cwd: box.bundle, stdio: 'ignore' }).status).toBe(0);
    expect(run({ input: '{"pids":{"limit":77}}' }, 'update', '-r', '-', 'c').status).toBe(0);
    const told = JSON.parse(run({}, 'events', '--stats', 'c').stdout) as { data: { pids: { limit: number } } };
    expect(told.data.pids.limit).toBe(77);
  });

  test('a preserved descriptor that is not open is refused by its number', () => {
    expect(run({}, 'run', '--preserve-fds', '3', 'c').stderr).toContain('flag --preserve-fds: descriptor 3 is not open');
  });
});
