import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Any } from '@gantry/api/google/protobuf/any';
import { errorText, failedPrecondition, isErrorOf, type Logger, shortSocketPath, unavailable } from '@gantry/rpc';
import type { ExitState } from '../../monitor/state-files';
import type { DriverTask } from '../driver';
import type { TaskServer } from './server';
import { type Endpoint, openSession } from './session';

export interface TaskServiceOptions {
  readonly run: string;
  readonly logger: Logger;
}

/** Milliseconds in which a server that was started must answer. */
const START_MS = 10_000;
const KILLED = 137;
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * A server of containerd.task.v3.Task over gRPC for many tasks: one that listens already, or one that a command starts when nobody answers. Such
 * a server outlives this shim as its tasks do; it may leave on Shutdown when it has no task left, and is started anew when needed.
 */
export class TaskServerOfMany implements TaskServer {
  readonly ownsProcess = false;
  private readonly starting = new Map<string, Promise<void>>();

  constructor(private readonly settings: TaskServiceOptions) {}

  log(): undefined {
    return undefined;
  }

  async start(task: DriverTask): Promise<Endpoint> {
    const { service, serviceCommand: command } = task.options;
    const path = service === '' ? shortSocketPath(this.settings.run, `task-service/${command.join('\0')}`) : service;
    if (command.length > 0 && !(await answers(path))) await this.ensure(path, command);
    return { address: path, protocol: 'grpc', version: 3 };
  }

  options(task: DriverTask): Any | undefined {
    const { passed } = task.options;
    return passed === undefined ? undefined : { typeUrl: passed.typeUrl, value: Buffer.from(passed.value, 'base64') };
  }

  async clean(): Promise<ExitState> {
    // Its processes are its own: what they are is known to nobody else. The task's cgroup is swept by the driver.
    return { exit_code: KILLED, exited_at: new Date().toISOString(), oom: false, error: 'task service lost' };
  }

  private async ensure(path: string, command: readonly string[]): Promise<void> {
    const already = this.starting.get(path);
    if (already !== undefined) return already;
    const started = this.launch(path, command).finally(() => this.starting.delete(path));
    this.starting.set(path, started);
    return started;
  }

  private async launch(path: string, [program = '', ...args]: readonly string[]): Promise<void> {
    const dir = join(this.settings.run, 'shim', 'task-services');
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const file = join(dir, `${basename(program)}.log`);
    const log = openSync(file, 'a', 0o600);
    const child = spawn(program, args, {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: '/',
      env: { PATH: SEARCH_PATH, GANTRY_TASK_SOCKET: path },
    });
    closeSync(log);
    child.unref();
    const ended = new Promise<never>((_resolve, reject) => {
      child.once('error', (error) => reject(failedPrecondition(`cannot run task service ${program}: ${error.message}`, { cause: error })));
      child.once('exit', (code, signal) =>
        reject(failedPrecondition(`task service ${program} ended with ${code ?? signal} before it answered; see ${file}`)),
      );
    });
    ended.catch(() => undefined); // it may end later, of its own accord
    await Promise.race([ended, this.listening(path, program)]);
    this.settings.logger.info({ program, pid: child.pid, path }, 'started a task service');
  }

  private async listening(path: string, program: string): Promise<void> {
    for (const until = Date.now() + START_MS; !(await answers(path)); await new Promise((resolve) => setTimeout(resolve, 20))) {
      if (Date.now() > until) throw unavailable(`task service ${program} does not answer on ${path}`);
    }
  }
}

async function answers(path: string): Promise<boolean> {
  try {
    (await openSession({ address: path, protocol: 'grpc', version: 3 }, 1000)).close();
    return true;
  } catch (error) {
    if (isErrorOf(error, 'unavailable')) return false;
    throw failedPrecondition(`task service at ${path}: ${errorText(error)}`, { cause: error });
  }
}
