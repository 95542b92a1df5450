import { formatTimestamp } from '@gantry/api';
import { asGantryError, type ErrorKind, type GantryError, isErrorOf } from '@gantry/rpc';
import type { ExitState } from '../../monitor/state-files';
import type { DriverTask } from '../driver';
import { ofServer } from '../launch-failure';
import type { RemoteDriver } from './remote';

/** What init and exec processes of a Task server have in common. */
export abstract class RemoteBase {
  constructor(
    protected readonly driver: RemoteDriver,
    protected readonly task: () => DriverTask,
    protected readonly execId: string,
  ) {}

  async start(): Promise<number> {
    const task = this.task();
    try {
      const { tasks } = await this.driver.session(task);
      return (await tasks.start(this.driver.context(task), { id: task.id, execId: this.execId })).pid;
    } catch (error) {
      throw launchError(error, await this.program());
    }
  }

  /** What is executed; undefined when it is not known. */
  protected abstract program(): Promise<string | undefined>;

  async signal(signal: number): Promise<void> {
    const task = this.task();
    const { tasks } = await this.driver.session(task);
    await tasks.kill(this.driver.context(task), { id: task.id, execId: this.execId, signal, all: false });
  }

  async resize(width: number, height: number): Promise<void> {
    const task = this.task();
    const { tasks } = await this.driver.session(task);
    await tasks.resizePty(this.driver.context(task), { id: task.id, execId: this.execId, width, height });
  }

  async closeStdin(): Promise<void> {
    const task = this.task();
    const { tasks } = await this.driver.session(task);
    await tasks.closeIo(this.driver.context(task), { id: task.id, execId: this.execId, stdin: true });
  }

  async wait(signal: AbortSignal): Promise<ExitState> {
    const task = this.task();
    try {
      const { tasks } = await this.driver.session(task);
      signal.throwIfAborted();
      const ctx = { ...this.driver.context(task), signal };
      const { exitStatus, exitedAt } = await tasks.wait(ctx, { id: task.id, execId: this.execId });
      return {
        exit_code: exitStatus,
        exited_at: exitedAt === undefined ? new Date().toISOString() : formatTimestamp(exitedAt),
        oom: false,
      };
    } catch (error) {
      signal.throwIfAborted();
      if (isErrorOf(error, 'notFound')) return { exit_code: 255, exited_at: new Date().toISOString(), oom: false, error: error.message };
      return this.driver.dead(task);
    }
  }
}

const OTHER_FAULTS: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['unavailable', 'deadlineExceeded', 'cancelled', 'alreadyExists']);

/** A failure of create or start; only what the server itself refused is read for the program's fault. */
export function launchError(error: unknown, program: string | undefined): GantryError {
  const failure = asGantryError(error);
  return OTHER_FAULTS.has(failure.kind) ? failure : ofServer(failure, program);
}
