import { isGantryError } from '@gantry/rpc';
import type { RemoteProcess } from '../../monitor/remote-process';
import type { DriverTask } from '../driver';
import { launchError, RemoteBase } from './process-base';
import type { RemoteDriver } from './remote';
import { readExecProcess, readExecProgram, stdioOf } from './stdio';

const REMOVE_MS = 5000;

/** One more process of a task. */
export class RemoteExec extends RemoteBase implements RemoteProcess {
  readonly waitsBeforeStart = false;

  constructor(
    driver: RemoteDriver,
    task: () => DriverTask,
    execId: string,
    private readonly dir: string,
  ) {
    super(driver, task, execId);
  }

  async create(): Promise<number> {
    const task = this.task();
    try {
      const { tasks } = await this.driver.session(task);
      await tasks.exec(this.driver.context(task), {
        id: task.id,
        execId: this.execId,
        ...stdioOf(this.dir),
        ...(await readExecProcess(this.dir)),
      });
      return 0;
    } catch (error) {
      throw launchError(error, await this.program());
    }
  }

  protected override program(): Promise<string | undefined> {
    return readExecProgram(this.dir);
  }

  async remove(): Promise<void> {
    const task = this.task();
    try {
      const { tasks } = await this.driver.session(task);
      await tasks.delete(this.driver.context(task), { id: task.id, execId: this.execId }, { timeoutMs: REMOVE_MS });
    } catch (error) {
      if (!isGantryError(error)) throw error; // gone with its server, or never there; init's end frees the rest
    }
  }
}
