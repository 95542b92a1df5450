import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

/** The service as a process of its own, for what only a process has: signals that jest keeps from a test, and death. */
export interface OwnProcess {
  readonly socketPath: string;
  /** Starts it, on what it left when it died. */
  start(): ChildProcess;
}

/** Bundles the service into a directory, where it keeps its data, too; `config` is the text of its network.yaml. */
export function bundleService(directory: string, config = ''): OwnProcess {
  const bundle = join(directory, 'service.cjs');
  buildSync({
    entryPoints: [join(__dirname, '../main.ts')],
    bundle: true,
    platform: 'node',
    external: ['koffi'],
    outfile: bundle,
    logLevel: 'error',
  });
  const file = join(directory, 'network.yaml');
  writeFileSync(file, config);
  const run = join(directory, 'run');
  const places = ['--root', join(directory, 'data'), '--run', run, '--config', file];
  return {
    socketPath: join(run, 'network.sock'),
    start: () =>
      spawn(process.execPath, [bundle, ...places, '--metrics-address', 'off', '--log-level', 'error'], {
        stdio: 'inherit',
        env: { ...process.env, NODE_PATH: join(__dirname, '../../../../node_modules') },
      }),
  };
}
