import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The service as a process of its own, for what only a process has: signals that jest keeps from a test, and death. */
export interface OwnProcess {
  readonly socketPath: string;
  /** Starts it, on what it left when it died; in a network namespace of its own that the process has, where one is named. */
  start(inside?: number): ChildProcess;
}

/** A process of what was bundled already. */
export function ownProcess(bundle: string, directory: string, config: string): OwnProcess {
  const file = join(directory, 'network.yaml');
  writeFileSync(file, config);
  const run = join(directory, 'run');
  const places = ['--root', join(directory, 'data'), '--run', run, '--config', file];
  return {
    socketPath: join(run, 'network.sock'),
    start: (inside) => {
      const own = [process.execPath, bundle, ...places, '--metrics-address', 'off', '--log-level', 'error'];
      const [program = '', ...args] = inside === undefined ? own : ['nsenter', '-t', String(inside), '-n', ...own];
      return spawn(program, args, {
        stdio: 'inherit',
        env: { ...process.env, NODE_PATH: join(__dirname, '../../../../node_modules') },
      });
    },
  };
}
