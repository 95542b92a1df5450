import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { connect, type Connection, newContext } from '@gantry/rpc';
import { nativeBinary } from './engine';

/** The images service as a process of its own: it can be killed and measured. */
export interface OwnProcess {
  readonly dir: string;
  readonly pid: number;
  start(args?: readonly string[]): Promise<Connection>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Most memory that it ever held, bytes (VmHWM). */
  peakMemory(): number;
  /** Memory that it holds now, bytes. */
  memory(): number;
  /** Kills and removes everything. */
  destroy(): Promise<void>;
}

export function ownProcess(): OwnProcess {
  const dir = mkdtempSync(join(tmpdir(), 'gi-own-'));
  buildSync({
    entryPoints: [join(__dirname, '../main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    outfile: join(dir, 'images.cjs'),
    nodePaths: [],
    logLevel: 'error',
  });
  let service: ChildProcess | undefined;
  let connection: Connection | undefined;
  const own: OwnProcess = {
    dir,
    get pid() {
      return service?.pid ?? 0;
    },
    async start(args = []) {
      const env = { ...process.env, NODE_PATH: join(__dirname, '../../../../node_modules') };
      const flags = [
        '--root',
        join(dir, 'd'),
        '--run',
        join(dir, 'r'),
        '--native',
        nativeBinary(),
        '--log-level',
        'error',
        '--metrics-address',
        'off',
        ...args,
      ];
      // The young generation as the unit has it (deploy/systemd).
      service = spawn(process.execPath, ['--max-semi-space-size=4', join(dir, 'images.cjs'), ...flags], { stdio: 'inherit', env });
      connection = connect(join(dir, 'r/images.sock'));
      await connection.client(LeasesService).list(newContext(), { filters: [] }, { waitForReady: true, timeoutMs: 60_000 });
      return connection;
    },
    async kill(signal = 'SIGKILL') {
      connection?.close();
      const dying = service;
      service = undefined;
      if (dying === undefined || dying.exitCode !== null) return;
      dying.kill(signal);
      await new Promise((resolve) => dying.once('exit', resolve));
    },
    peakMemory: () => statusBytes(own.pid, /^VmHWM:\s+(\d+) kB$/m),
    memory: () => statusBytes(own.pid, /^VmRSS:\s+(\d+) kB$/m),
    async destroy() {
      await own.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return own;
}

const statusBytes = (pid: number, line: RegExp): number => Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
