import { statSync } from 'node:fs';
import { join } from 'node:path';
import { command, hasProgram, loadBusybox, pinnedNode, projectRoot, startEngine, testWith, until, type Engine } from './harness';

const image = 'docker.io/library/ctrbox:1';

describe('containers of ctr beside those of docker', () => {
  let engine: Engine;
  const ctrTest = testWith('ctr', hasProgram('ctr'));
  const run = (namespace: string, args: readonly string[]) =>
    command('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', namespace, ...args], { timeout: 60_000 });
  const ctr = async (namespace: string, ...args: string[]) => {
    const result = await run(namespace, args);
    if (result.code !== 0) throw new Error(`ctr ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const own = (...args: string[]) => ctr('ctrtest', ...args);

  beforeAll(async () => {
    engine = await startEngine();
    await loadBusybox(engine);
    const archive = join(engine.folder, 'ctrbox.tar');
    const made = await command(pinnedNode, [join(projectRoot, 'tools/make-image.mjs'), '--out', archive, '--name', 'ctrbox:1']);
    if (made.code !== 0) throw new Error(made.stderr);
    if (hasProgram('ctr')) await own('images', 'import', archive);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);

  ctrTest('an import makes the namespace and is not seen by docker', async () => {
    expect(await own('namespaces', 'ls', '-q')).toMatch(/^ctrtest$/m);
    expect(await own('images', 'ls', '-q')).toBe(`${image}\n`);
    expect((await engine.docker(['images', '-q', 'ctrbox'])).stdout).toBe('');
  });

  ctrTest('run --rm: output, exit code, nothing left', async () => {
    expect(await own('run', '--rm', image, 'one', 'echo', 'hello')).toBe('hello\n');
    expect((await run('ctrtest', ['run', '--rm', image, 'two', 'sh', '-c', 'exit 7'])).code).toBe(7);
    expect((await run('ctrtest', ['run', '--rm', image, 'three', 'nosuch'])).stderr).toContain('executable file not found');
    expect(await own('run', '--rm', '--runc-binary', 'gantry', image, 'four', 'echo', 'named')).toBe('named\n');
    expect(await own('containers', 'ls', '-q')).toBe('');
    expect(await own('leases', 'ls', '-q')).toBe('');
  });

  const rounds = process.env['GANTRY_TEST_ALL'] ? 200 : 5;
  ctrTest(
    `a pipe into ctr run and exec ends, ${rounds} times`,
    async () => {
      const piped = (verb: string) =>
        command('sh', ['-c', `echo in | timeout -s KILL 30 ctr -a ${engine.run}/supervisor.sock -n ctrtest ${verb} cat`]);
      await own('run', '-d', image, 'piped', 'sleep', '6000');
      for (let round = 0; round < rounds; round++) {
        expect([round, await piped(`run --rm ${image} round${round}`)]).toEqual([round, { code: 0, stdout: 'in\n', stderr: '' }]);
        expect([round, await piped(`tasks exec --exec-id e${round} piped`)]).toEqual([round, { code: 0, stdout: 'in\n', stderr: '' }]);
      }
      await own('tasks', 'rm', '-f', 'piped');
      await own('containers', 'rm', 'piped');
    },
    1_200_000,
  );

  ctrTest('a network namespace that is there already is joined by its path; one that is not is named', async () => {
    const path = `/run/netns/${engine.netns}`;
    const joined = (to: string) =>
      run('ctrtest', ['run', '--rm', '--with-ns', `network:${to}`, image, 'joined', 'readlink', '/proc/self/ns/net']);
    expect(await joined(path)).toMatchObject({ code: 0, stdout: `net:[${statSync(path).ino}]\n` });
    expect((await joined('/run/netns/nosuch')).stderr).toContain('"/run/netns/nosuch": no such file or directory');
    expect(statSync(path).ino).toBeGreaterThan(0);
    expect(await own('containers', 'ls', '-q')).toBe('');
  });

  ctrTest('run -d: exec, metrics, pause and kill', async () => {
    await own('run', '-d', image, 'long', 'sleep', '6000');
    expect(await own('tasks', 'exec', '--exec-id', 'e1', 'long', 'echo', 'inside')).toBe('inside\n');
    expect((await run('ctrtest', ['tasks', 'exec', '--exec-id', 'e2', 'long', 'sh', '-c', 'exit 3'])).code).toBe(3);
    await own('tasks', 'metrics', 'long');
    await own('tasks', 'pause', 'long');
    expect(await own('tasks', 'ls')).toMatch(/^long\s+\d+\s+PAUSED/m);
    await own('tasks', 'resume', 'long');
    expect((await run('ctrtest', ['namespaces', 'rm', 'ctrtest'])).stderr).toContain('must be empty, but it still has containers');
    await own('tasks', 'kill', '-s', 'SIGKILL', 'long');
    await until('the task to stop', async () => /^long\s+\d+\s+STOPPED/m.test(await own('tasks', 'ls')));
    await run('ctrtest', ['tasks', 'delete', 'long']); // its exit code is that of the task
    await own('containers', 'delete', 'long');
    expect(await own('tasks', 'ls', '-q')).toBe('');
  });

  ctrTest('docker follows a pause, and a record deleted here frees name and volume', async () => {
    const id = (await engine.docker(['run', '-d', '--name', 'shared', '-v', 'kept:/data', 'busybox', 'sleep', '6000'])).stdout.trim();
    const status = async () => (await engine.docker(['inspect', '-f', '{{.State.Status}}', 'shared'])).stdout.trim();
    await ctr('gantry', 'tasks', 'pause', id);
    await until('docker to see the pause', async () => (await status()) === 'paused');
    await ctr('gantry', 'tasks', 'resume', id);
    await until('docker to see the resume', async () => (await status()) === 'running');
    expect(await ctr('gantry', 'tasks', 'exec', '--exec-id', 'e3', id, 'echo', 'from ctr')).toBe('from ctr\n');

    expect((await run('gantry', ['containers', 'rm', id])).code).not.toBe(0);
    await ctr('gantry', 'tasks', 'kill', '-s', 'SIGKILL', id);
    await until('docker to see the end', async () => (await status()) === 'exited');
    expect((await run('gantry', ['tasks', 'start', id])).stderr).toContain('is a docker container');
    await ctr('gantry', 'containers', 'rm', id);
    expect((await engine.docker(['ps', '-aq', '--filter', 'name=shared'])).stdout).toBe('');
    expect((await engine.docker(['create', '--name', 'shared', 'busybox'])).code).toBe(0);
    expect((await engine.docker(['volume', 'rm', 'kept'])).code).toBe(0);
  });
});
