import { spawn, type ChildProcess } from 'node:child_process';

/** What a finished command left behind. */
export interface CommandResult {
  /** Exit code; 128 + n when signal n ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  input?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds until the command is killed; default 60,000. */
  timeout?: number;
  /** Stops collecting, kills the command with this signal when aborted. */
  signal?: AbortSignal;
}

/** Runs a command to its end. Never throws for a non-zero exit. */
export function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.env ? { env: options.env } : {}),
      ...(options.signal ? { signal: options.signal, killSignal: 'SIGKILL' as const } : {}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 60_000);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const number = signal ? 128 + (signalNumbers[signal] ?? 9) : (code ?? 0);
      resolve({ code: number, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.end(options.input ?? '');
  });
}

/** A command of which only success is expected: answers its stdout, trimmed; throws with all that it printed unless it exits 0. */
export function succeeding(run: (args: string[]) => Promise<CommandResult>): (...args: string[]) => Promise<string> {
  return async (...args) => {
    const { code, stdout, stderr } = await run(args);
    if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout.trim();
  };
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** Waits until a child has ended. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Asks again every 20 ms until the answer is true; for conditions of other programs that send no event. */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeout = 60_000): Promise<void> {
  const end = Date.now() + timeout;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
