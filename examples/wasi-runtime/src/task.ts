import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { internal, invalidArgument, notFound } from '@gantry/rpc';
import type { Program } from './program';

export interface Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Exit {
  readonly code: number;
  readonly at: Date;
}

/** One module in a process of its own: created (it is loaded and waits) → running → stopped. */
export class WasiTask {
  status: 'created' | 'running' | 'paused' | 'stopped' = 'created';
  exit: Exit | undefined;
  readonly ended: Promise<Exit>;
  private readonly control: Duplex;
  private keeper: number | undefined;

  private constructor(
    readonly bundle: string,
    readonly stdio: Stdio,
    private readonly child: ChildProcess,
    keeper: number | undefined,
  ) {
    this.control = child.stdio[3] as Duplex;
    this.control.on('error', () => undefined);
    this.keeper = keeper;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.exit = { code: code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]), at: new Date() };
        this.status = 'stopped';
        this.closeStdin();
        resolve(this.exit);
      });
    });
  }

  /** Loads the module; a failure to do so is told, and leaves nothing. */
  static async create(bundle: string, program: Program, stdio: Stdio): Promise<WasiTask> {
    for (const { at } of program.readOnly) mkdirSync(at, { recursive: true });
    const files = openStdio(stdio);
    const runner = [process.execPath, '--no-warnings', join(__dirname, 'runner.cjs'), JSON.stringify(program)];
    const [file = '', ...args] = [...enter(program.network), ...view(program.readOnly), ...runner];
    const child = spawn(file, args, { stdio: [files.stdin, files.stdout, files.stderr, 'pipe'], cwd: '/', env: {} });
    const failed = new Promise<never>((_resolve, reject) =>
      child.once('error', (error) => reject(internal(`cannot run ${file}: ${error.message}`, { cause: error }))),
    );
    failed.catch(() => undefined);
    for (const fd of files.own) closeSync(fd);
    const task = new WasiTask(bundle, stdio, child, files.keeper);
    const word = await Promise.race([failed, firstLine(task.control)]);
    if (word === 'ready') return task;
    child.kill('SIGKILL');
    await task.ended;
    throw invalidArgument(`wasi runtime: cannot load ${program.module}: ${word === '' ? 'the runner ended' : word}`);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  start(): void {
    if (this.status !== 'created') throw invalidArgument(`the task is ${this.status}, not created`);
    this.control.write('go\n');
    this.status = 'running';
  }

  signal(signal: number): void {
    if (this.exit !== undefined) throw notFound('process already finished');
    process.kill(this.pid, signal);
  }

  pause(paused: boolean): void {
    this.signal(paused ? osConstants.signals.SIGSTOP : osConstants.signals.SIGCONT);
    this.status = paused ? 'paused' : 'running';
  }

  /** Our own writing end of stdin's FIFO goes: with the client's, the module sees the end. */
  closeStdin(): void {
    if (this.keeper !== undefined) closeSync(this.keeper);
    this.keeper = undefined;
  }
}

/** stdin is opened for reading and writing first, so that neither open waits and a client's death is no end of input. */
function openStdio({ stdin, stdout, stderr }: Stdio): {
  stdin: number | 'ignore';
  stdout: number | 'ignore';
  stderr: number | 'ignore';
  own: number[];
  keeper: number | undefined;
} {
  const keeper = stdin === '' ? undefined : openSync(stdin, constants.O_RDWR);
  const [input, output, errors] = [stdin, stdout, stderr].map((path, index) =>
    path === '' ? ('ignore' as const) : openSync(path, index === 0 ? constants.O_RDONLY : constants.O_WRONLY),
  );
  const own = [input, output, errors].filter((fd) => typeof fd === 'number');
  return { stdin: input ?? 'ignore', stdout: output ?? 'ignore', stderr: errors ?? 'ignore', own, keeper };
}

/** Up to the first newline, or what came before the end. */
function firstLine(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    stream.once('close', () => resolve(text));
  });
}

/** The command that starts another one in its network. */
function enter(network: Program['network']): string[] {
  if (network === 'host') return [];
  return network === 'own' ? ['unshare', '--net'] : ['nsenter', `--net=${network.path}`];
}

/** The command that starts another one with read-only binds: in mounts of its own, which go with it and follow what the host unmounts. */
function view(readOnly: Program['readOnly']): string[] {
  if (readOnly.length === 0) return [];
  const script = 'while [ "$1" != -- ]; do mount --rbind "$1" "$2"; mount -o remount,bind,ro "$2"; shift 2; done; shift; exec "$@"';
  const pairs = readOnly.flatMap(({ source, at }) => [source, at]);
  return ['unshare', '--mount', '--propagation', 'slave', 'sh', '-ec', script, 'sh', ...pairs, '--'];
}
