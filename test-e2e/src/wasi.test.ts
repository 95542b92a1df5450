import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { pinnedNode, projectRoot, startEngine, until, type Engine } from './harness';
import { wasiModule } from './wasm';

/** examples/wasi-runtime as a third-party runtime: a Task v3 server that the shim forwards tasks to. */
describe('a Task server as runtime', () => {
  let dir: string;
  let engine: Engine;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-wasi-'));
    execFileSync(pinnedNode, [join(projectRoot, 'examples/wasi-runtime/build.mjs'), dir], { stdio: 'inherit' });
    engine = await startEngine('gantry', {
      config: {
        supervisor: `runtimes:\n  wasi: {task-service: ["${pinnedNode}", "${join(dir, 'wasi-runtime.cjs')}"]}\n  absent: {task-service: /no/such.sock}\n`,
      },
    });
    const image = await tarOf({
      'hello.wasm': wasiModule({ greeting: 'hello from wasm\n', complaint: 'and an error\n', code: 7 }),
      'long.wasm': wasiModule({ greeting: 'waiting\n', complaint: '', code: 0, waitMs: 60_000 }),
    });
    expect((await engine.docker(['import', '-c', 'ENTRYPOINT ["/hello.wasm"]', '-', 'wasm:1'], { input: image })).code).toBe(0);
  }, 120_000);
  afterAll(async () => {
    await engine.destroy();
    rmSync(dir, { recursive: true });
  }, 180_000);

  const servers = (): Promise<{ stdout: string }> => engine.onHost('pgrep', ['-f', join(dir, 'wasi-runtime.cjs')]);

  test('a module runs: output, exit code, logs, and its end for whoever waits', async () => {
    expect(await engine.docker(['run', '--name', 'once', '--runtime', 'wasi', 'wasm:1'])).toMatchObject({
      code: 7,
      stdout: 'hello from wasm\n',
      stderr: 'and an error\n',
    });
    expect(await engine.docker(['logs', 'once'])).toMatchObject({ stdout: 'hello from wasm\n', stderr: 'and an error\n' });
    expect((await engine.docker(['inspect', '-f', '{{.State.ExitCode}} {{.HostConfig.Runtime}}', 'once'])).stdout).toBe('7 wasi\n');
    expect((await engine.docker(['rm', 'once'])).code).toBe(0);
  });

  test('input reaches it, as another user too, and the end of the input', async () => {
    const run = await engine.docker(['run', '-i', '--rm', '--runtime', 'wasi', '-u', '1234:1234', 'wasm:1'], { input: 'typed\n' });
    expect(run).toMatchObject({ code: 7, stdout: 'hello from wasm\ntyped\n' });
  });

  test('one that goes on can be paused, stopped and removed; the server leaves after the last', async () => {
    expect((await engine.docker(['run', '-d', '--name', 'long', '--runtime', 'wasi', '--entrypoint', '/long.wasm', 'wasm:1'])).code).toBe(
      0,
    );
    await until('output', async () => (await engine.docker(['logs', 'long'])).stdout === 'waiting\n');
    expect((await engine.docker(['pause', 'long'])).code).toBe(0);
    expect((await engine.docker(['unpause', 'long'])).code).toBe(0);
    const exec = await engine.docker(['exec', 'long', 'x']);
    expect(`${exec.stdout}${exec.stderr}`).toContain('wasi runtime: exec is not supported');
    expect(exec.code).not.toBe(0);
    expect((await servers()).stdout).not.toBe('');
    expect((await engine.docker(['stop', 'long'])).code).toBe(0);
    expect((await engine.docker(['inspect', '-f', '{{.State.ExitCode}}', 'long'])).stdout).toBe('143\n');
    expect((await engine.docker(['rm', 'long'])).code).toBe(0);
    await until('the end of the server', async () => (await servers()).stdout === '');
  });

  test('a server that dies ends its tasks with 137; one that is not there is named', async () => {
    expect((await engine.docker(['run', '-d', '--name', 'lost', '--runtime', 'wasi', '--entrypoint', '/long.wasm', 'wasm:1'])).code).toBe(
      0,
    );
    for (const pid of (await servers()).stdout.trim().split('\n')) process.kill(Number(pid), 'SIGKILL');
    expect((await engine.docker(['wait', 'lost'])).stdout).toBe('137\n');
    expect((await engine.docker(['rm', 'lost'])).code).toBe(0);
    expect((await engine.docker(['run', '--rm', '--runtime', 'absent', 'wasm:1'])).stderr).toContain('/no/such.sock');
  });

  test('what cannot be kept is refused by name', async () => {
    expect((await engine.docker(['run', '--rm', '--runtime', 'wasi', '-m', '40m', 'wasm:1'])).stderr).toContain(
      'wasi runtime: a memory limit',
    );
    expect((await engine.docker(['run', '--rm', '-t', '--runtime', 'wasi', 'wasm:1'])).stderr).toContain('a terminal');
    expect((await engine.docker(['run', '--rm', '--runtime', 'wasi', '--entrypoint', '/nope.wasm', 'wasm:1'])).code).toBe(127);
    expect((await engine.docker(['ps', '-aq'])).stdout).toBe('');
  });
});

async function tarOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o755 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
