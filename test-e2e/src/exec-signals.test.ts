import { spawn, type ChildProcess } from 'node:child_process';
import { bundles, callApi, command, type CommandResult, type Engine, loadBusybox, pinnedNode, startEngine, until } from './harness';

/** What docker has no word for: signals for an exec, and one that ends with its client. */
describe('execs', () => {
  let engine: Engine;
  const clients: ChildProcess[] = [];
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
    await ok('run', '-d', '--name', 'plain', 'busybox', 'sleep', '6000');
    await ok('run', '-d', '--name', 'bound', '--label', 'gantry.exec-end-with-client=true', 'busybox', 'sleep', '6000');
  }, 120_000);
  afterAll(async () => {
    for (const client of clients) client.kill('SIGKILL');
    await engine.destroy();
  }, 120_000);

  const gantry = (...args: string[]): Promise<CommandResult> =>
    command(pinnedNode, [`${bundles}/gantry.cjs`, ...args, '-H', `unix://${engine.socket}`]);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await engine.docker(args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`);
    return stdout.trim();
  };
  const execs = async (container: string): Promise<string[]> =>
    (JSON.parse(await ok('inspect', '-f', '{{json .ExecIDs}}', container)) as string[] | null) ?? [];
  /** Pids of a container's programs that sleep for so long. */
  const sleeping = async (container: string, seconds: number): Promise<number[]> =>
    (await ok('top', container, '-o', 'pid,args')).split('\n').flatMap((line) => {
      const [, pid, args] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
      return args === `sleep ${seconds}` ? [Number(pid)] : [];
    });
  const sleepers = async (container: string, seconds: number): Promise<number> => (await sleeping(container, seconds)).length;
  const endSleepers = async (container: string, seconds: number): Promise<void> => {
    for (const pid of await sleeping(container, seconds)) process.kill(pid, 'SIGKILL');
    await until('no sleeper', async () => (await sleepers(container, seconds)) === 0);
  };
  /** A docker exec that stays; resolves when its program has begun. */
  async function client(container: string, seconds: number, ...options: string[]): Promise<ChildProcess> {
    const child = spawn(
      'docker',
      ['-H', `unix://${engine.socket}`, 'exec', ...options, container, 'sh', '-c', `sleep ${seconds}; echo over`],
      {
        stdio: [options.includes('-i') ? 'pipe' : 'ignore', 'pipe', 'inherit'],
      },
    );
    clients.push(child);
    await until(`sleep ${seconds}`, async () => (await sleepers(container, seconds)) > 0);
    return child;
  }
  const killSupervisor = async (): Promise<void> => {
    const before = engine.pids('gantry-supervisor');
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await until('another supervisor', async () => engine.pids('gantry-supervisor').some((pid) => !before.includes(pid)));
    await ok('ps');
  };

  test('take signals, also from a supervisor that did not start them', async () => {
    for (const [signal, kill, code] of [
      ['TERM', false, 143],
      ['KILL', true, 137],
    ] as const) {
      const child = await client('plain', 301);
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      if (kill) await killSupervisor();
      const [id = ''] = await execs('plain');
      expect(await gantry('exec-kill', '-s', signal, id)).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
      expect(await ended).toBe(code);
      expect((await gantry('exec-kill', id)).stderr).toBe(`Error response from daemon: exec ${id} is not running\n`);
      // What the shell waited for is the container's: a signal is for one process.
      expect(await sleepers('plain', 301)).toBe(1);
      await endSleepers('plain', 301);
    }
    expect((await gantry('exec-kill', 'nosuch')).stderr).toBe('Error response from daemon: No such exec instance: nosuch\n');
  }, 60_000);

  test.each([
    ['', []],
    ['that gives input', ['-i']],
  ])(
    'end with a client %s, by the label of their container, whoever of the services has died',
    async (_what, options) => {
      for (const kill of [false, true]) {
        const child = await client('bound', 302, ...options);
        const free = await client('plain', 303, ...options);
        if (kill) await killSupervisor();
        child.kill('SIGKILL');
        free.kill('SIGKILL');
        await until('the end of what had a client', async () => (await sleepers('bound', 302)) === 0);
        await until('no exec left', async () => (await execs('bound')).length === 0);
        expect(await sleepers('plain', 303)).toBe(1);
        await endSleepers('plain', 303);
      }
    },
    120_000,
  );

  test('end with their client by Gantry.EndWithClient, which goes before the label', async () => {
    const made = async (container: string, EndWithClient: boolean): Promise<string> => {
      const body = { Cmd: ['sh', '-c', 'sleep 304; echo over'], AttachStdout: true, Gantry: { EndWithClient } };
      return (JSON.parse((await callApi(engine, 'POST', `/containers/${container}/exec`, body)).body) as { Id: string }).Id;
    };
    const id = await made('plain', true);
    const refused = await callApi(engine, 'POST', `/exec/${id}/start`, { Detach: true });
    expect([refused.status, refused.message]).toEqual([400, `exec ${id} ends with its client (EndWithClient) and cannot start detached`]);
    const start = async (container: string, exec: string): Promise<ChildProcess> => {
      const child = spawn(
        'curl',
        ['-sN', '--unix-socket', engine.socket, '-d', '{}', '-H', 'Content-Type: application/json', `http://x/exec/${exec}/start`],
        {
          stdio: 'ignore',
        },
      );
      clients.push(child);
      await until('the exec', async () => (await sleepers(container, 304)) > 0);
      return child;
    };
    const ending = await start('plain', id);
    const staying = await start('bound', await made('bound', false));
    ending.kill('SIGKILL');
    staying.kill('SIGKILL');
    await until('its end', async () => (await sleepers('plain', 304)) === 0);
    expect(await sleepers('bound', 304)).toBe(1);
  });
});
