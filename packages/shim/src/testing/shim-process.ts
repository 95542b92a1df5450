import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { nativeBinary, repository, type ShimFixture } from './shim-fixture';

/** Bundles the shim once for tests that need it as a process of its own. */
export function bundleShim(): string {
  const dir = join(repository, 'node_modules/.cache/gantry');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `shim-${process.pid}.cjs`);
  buildSync({
    entryPoints: [join(repository, 'packages/shim/src/main.ts')],
    bundle: true,
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    logLevel: 'error',
    outfile: file,
  });
  return file;
}

/** The shim as a process that can be killed. */
export class ShimProcess {
  private child: ChildProcess | undefined;

  constructor(
    private readonly fixture: ShimFixture,
    private readonly bundle: string,
  ) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Process ids of the shim's helpers: children with this name. */
  helpers(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
          return stat.includes('(gantry-helper)') && stat.slice(stat.lastIndexOf(')') + 4).startsWith(`${this.pid} `);
        } catch {
          return false;
        }
      });
  }

  start(): void {
    const { run, dir } = this.fixture;
    this.child = spawn(
      process.execPath,
      [
        this.bundle,
        '--run',
        run,
        '--root',
        join(dir, 'data'),
        '--native',
        nativeBinary(),
        '--metrics-address',
        'off',
        '--log-level',
        'warn',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  }

  /** SIGKILL, and waits for the end and for the client to notice it. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    await this.fixture.lost();
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
}
