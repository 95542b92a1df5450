import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, loadBusybox, startEngine, until } from './harness';

/** A criu that comes to no end, as its client leaves. The engine looks for it by its name. */
describe('a checkpoint that hangs', () => {
  let engine: Engine;
  let programs: string;
  beforeAll(async () => {
    programs = mkdtempSync(join(tmpdir(), 'gantry-e2e-hangs-'));
    engine = await startEngine('gantry', {
      separate: true,
      config: { gateway: 'experimental: true\n', supervisor: 'experimental: true\n' },
      environment: { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
    });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(async () => {
    await engine?.destroy();
    rmSync(programs, { recursive: true, force: true });
  }, 120_000);

  test('ends with its client: nothing of criu is left, and the container goes on', async () => {
    const pids = join(programs, 'pids');
    const kept = join(programs, 'kept');
    mkdirSync(kept);
    const script = `#!/bin/sh\necho half >${kept}/point/pages-1.img; sleep 1000 & echo "$$ $!" >${pids}.new; mv ${pids}.new ${pids}; wait\n`;
    writeFileSync(join(programs, 'criu'), script, { mode: 0o755 });
    const counter = ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'];
    expect((await engine.docker(['run', '-d', '--name', 'one', 'busybox', ...counter])).code).toBe(0);
    const words = ['-H', `unix://${engine.socket}`, 'checkpoint', 'create', '--checkpoint-dir', kept, 'one', 'point'];
    const client = spawn('docker', words, { stdio: 'ignore', env: { ...process.env, DOCKER_CLI_EXPERIMENTAL: 'enabled' } });
    const left = once(client, 'exit');
    await until('criu', () => existsSync(pids) || client.exitCode !== null);
    expect(client.exitCode).toBeNull();
    client.kill('SIGKILL');
    await left;
    const alive = (): string[] =>
      readFileSync(pids, 'utf8')
        .trim()
        .split(' ')
        .filter((pid) => existsSync(`/proc/${pid}/root/`));
    await until('the end of criu', () => alive().length === 0);
    await until('its files to be gone', () => readdirSync(kept).length === 0);
    const lines = async (): Promise<number> => (await engine.docker(['logs', 'one'])).stdout.split('\n').length;
    const before = await lines();
    await until('further lines', async () => (await lines()) > before);
    // What comes next does not wait for it.
    expect((await engine.docker(['rm', '-f', 'one'])).code).toBe(0);
  }, 120_000);
});
