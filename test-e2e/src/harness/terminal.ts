import { spawn } from 'node:child_process';
import { until } from './command';

/** A docker client on a real terminal. */
export interface Terminal {
  type(text: string): void;
  sees(what: RegExp): Promise<void>;
  /** All that was written so far. */
  screen(): string;
  readonly code: Promise<number>;
}

export interface TerminalOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** util-linux's `script` gives the client its terminal. */
export function onTerminal(
  socket: string,
  args: readonly string[],
  { rows = 24, columns = 80, env = process.env }: TerminalOptions = {},
): Terminal {
  const line = `stty rows ${rows} cols ${columns}; exec docker -H unix://${socket} ${args.map((arg) => `'${arg}'`).join(' ')}`;
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
  });
  let screen = '';
  child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
  const code = new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return {
    type: (text) => void child.stdin.write(text),
    sees: (what) =>
      until(`${what} on the screen`, () => what.test(screen)).catch((cause: unknown) => {
        throw new Error(`${(cause as Error).message}: ${JSON.stringify(screen.slice(-300))}`, { cause });
      }),
    screen: () => screen,
    code,
  };
}
