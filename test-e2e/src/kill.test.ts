import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { ended, getFromHost, loadBusybox, startEngine, until, type Engine } from './harness';

/** Rounds of killing: 20 in `tools/test --all`, fewer in the everyday run. */
const rounds = process.env['GANTRY_TEST_ALL'] ? 20 : 4;
const services = ['gantryd', 'gantry-supervisor', 'gantry-images', 'gantry-network', 'gantry-shim', 'gantry-build', 'gantry-cri'] as const;
const count = 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done';

/** The C helper of the shim. */
function helpers(engine: Engine): number[] {
  const shims = new Set(engine.pids('gantry-shim').map(String));
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
        return shims.has(parent) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('helper') ? [Number(pid)] : [];
      } catch {
        return [];
      }
    });
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it had ended
    }
  }
}

describe('nothing dies with a service', () => {
  let engine: Engine;
  const docker = (...args: string[]) => engine.docker(args, { timeout: 60_000 });
  const names = ['plain0', 'plain1', 'plain2', 'tty0', 'tty1', 'port0', 'port1', 'execed', 'rm0', 'rm1'];
  let openExec: ChildProcess | undefined;

  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true });
    await loadBusybox(engine);
    for (const name of names) {
      const extra = name.startsWith('tty')
        ? ['-t']
        : name.startsWith('rm')
          ? ['--rm']
          : name === 'port0'
            ? ['-p', '8000:80']
            : name === 'port1'
              ? ['-p', '127.0.0.1:8001:80']
              : [];
      const started = await docker(
        'run',
        '-d',
        '--name',
        name,
        ...extra,
        'busybox',
        'sh',
        '-c',
        `httpd -h /var/www; trap 'exit 5' TERM; ${count}`,
      );
      if (started.code !== 0) throw new Error(started.stderr);
    }
    openExec = spawn('docker', ['-H', `unix://${engine.socket}`, 'exec', '-i', 'execed', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
  }, 120_000);
  afterAll(async () => {
    openExec?.kill('SIGKILL');
    await engine.destroy();
  }, 120_000);

  const answers = async (port: number) => (await getFromHost(engine, '127.0.0.1', port)) === 'hello from gantry\n';
  const back = () =>
    until('the engine to answer again', async () => (await docker('version')).code === 0 && (await docker('ps')).code === 0, 60_000);

  /** Work that goes on while services die; it may fail, but must leave nothing wrong behind. */
  async function churn(stop: AbortSignal): Promise<void> {
    for (let i = 0; !stop.aborted; i++) {
      const name = `churn-${i}`;
      await docker('create', '--name', name, 'busybox', 'sleep', '600');
      await docker('start', name);
      await docker('exec', 'plain0', 'true');
      await docker('rm', '-f', name);
    }
  }

  test.each([...services, 'helper', 'all'] as const)(
    `kill -9 of %s, ${rounds} times, in the middle of create, start, exec and rm`,
    async (victim) => {
      const stop = new AbortController();
      const working = churn(stop.signal);
      try {
        for (let round = 0; round < rounds; round++) {
          await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400));
          const pids = () =>
            victim === 'helper'
              ? helpers(engine)
              : victim === 'all'
                ? [...helpers(engine), ...services.flatMap((name) => engine.pids(name))]
                : engine.pids(victim);
          await until(`${victim} to run`, () => pids().length >= (victim === 'all' ? services.length : 1));
          kill(pids());
          expect(await answers(8000)).toBe(true);
          expect(await answers(8001)).toBe(true);
          await back();
        }
      } finally {
        stop.abort();
        await working;
      }
      await back();
      for (const name of names)
        expect(`${name} ${(await docker('inspect', '-f', '{{.State.Running}}', name)).stdout.trim()}`).toBe(`${name} true`);
      expect((await docker('exec', 'tty0', 'echo', 'exec works')).stdout).toBe('exec works\n');
    },
    60_000 + rounds * 30_000,
  );

  test('no line is missing from any log', async () => {
    for (const name of names) {
      const logs = (await docker('logs', name)).stdout.replaceAll('\r', '').split('\n').filter(Boolean);
      expect(logs.length).toBeGreaterThan(20);
      logs.forEach((line, i) => {
        if (line !== `line ${i + 1}`) throw new Error(`${name}: line ${i + 1} of the log is ${JSON.stringify(line)}`);
      });
    }
  }, 180_000);

  test('what was to be removed when a service died goes by itself', async () => {
    const unfinished = async (): Promise<string> =>
      (await docker('ps', '-aq', '--filter', 'status=dead', '--filter', 'status=removing')).stdout;
    await until('removals that were cut short to end', async () => (await unfinished()) === '', 90_000);
    for (const victim of ['gantry-images', 'gantry-shim', 'gantry-network', 'gantry-supervisor']) {
      expect((await docker('run', '-d', '--name', 'leaving', '-v', '/anonymous', 'busybox', 'sleep', '600')).code).toBe(0);
      const removal = docker('rm', '-fv', 'leaving');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      kill(engine.pids(victim));
      await removal;
      await back();
      await until(`leaving to be gone after the death of ${victim}`, async () => {
        const state = await docker('inspect', '-f', '{{.State.Status}}', 'leaving');
        if (state.stdout.trim() === 'running' || state.stdout.trim() === 'exited') await docker('rm', '-fv', 'leaving'); // it died before the removal began
        return state.code !== 0;
      });
    }
    expect((await docker('volume', 'ls', '-qf', 'dangling=true')).stdout).toBe('');
  }, 180_000);

  test('names of interrupted work are free again, and nothing of it is left', async () => {
    const churned = (await docker('ps', '-aq', '--filter', 'name=churn-')).stdout.split('\n').filter(Boolean);
    if (churned.length > 0) expect((await docker('rm', '-f', ...churned)).code).toBe(0);
    expect((await docker('run', '--rm', '--name', 'churn-0', 'busybox', 'echo', 'free')).stdout).toBe('free\n');
  }, 180_000);

  test('exit codes are right, --rm containers go, attach works', async () => {
    expect((await docker('stop', '-t', '5', 'plain0')).code).toBe(0);
    expect((await docker('inspect', '-f', '{{.State.ExitCode}}', 'plain0')).stdout).toBe('5\n');
    await docker('stop', '-t', '5', 'rm0');
    await until('rm0 to be gone', async () => (await docker('inspect', 'rm0')).code !== 0);
    const attached = spawn('docker', ['-H', `unix://${engine.socket}`, 'attach', '--sig-proxy=false', 'plain1'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let seen = '';
    attached.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('output on attach', () => /line \d+\nline \d+/.test(seen));
    attached.kill('SIGKILL');
    await ended(attached);
  }, 180_000);

  test('a download whose service dies is an error, not a short file', async () => {
    await docker('run', '--name', 'big', 'busybox', 'sh', '-c', 'dd if=/dev/zero of=/file bs=1M count=64 2>/dev/null');
    const ending = await new Promise<string>((resolve, reject) => {
      const request = get({ socketPath: engine.socket, path: '/v1.45/containers/big/export' }, (answer) => {
        answer.once('readable', () => {
          kill(engine.pids('gantry-supervisor'));
          answer
            .once('end', () => resolve('end'))
            .once('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message))
            .resume();
        });
      });
      request.once('error', reject);
    });
    expect(ending).toBe('ECONNRESET');
    await back();
    expect(await docker('export', 'big', '-o', join(engine.folder, 'big.tar'))).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(join(engine.folder, 'big.tar')).size).toBeGreaterThan(64 << 20);
    await docker('rm', 'big');
  }, 180_000);

  test('a container that ends while all services are dead is known with its code afterwards', async () => {
    await docker('run', '-d', '--name', 'ends', 'busybox', 'sh', '-c', 'sleep 1; exit 77');
    await docker('run', '-d', '--rm', '--name', 'ends-rm', 'busybox', 'sh', '-c', 'sleep 1');
    await engine.halt('SIGKILL');
    kill([...helpers(engine), ...services.flatMap((name) => engine.pids(name))]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await engine.start();
    await until(
      'the exit code',
      async () => (await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'ends')).stdout === 'exited 77\n',
    );
    await until('the removal', async () => (await docker('inspect', 'ends-rm')).code !== 0);
    await docker('rm', 'ends');
  }, 180_000);
});
