import type { RemoteProcess } from '../../monitor/remote-process';
import type { DriverTask } from '../driver';
import { launchError, RemoteBase } from './process-base';
import type { RemoteDriver } from './remote';
import { stdioOf } from './stdio';

/** A task's first process. */
export class RemoteInit extends RemoteBase implements RemoteProcess {
  readonly waitsBeforeStart = true;

  constructor(driver: RemoteDriver, task: () => DriverTask) {
    super(driver, task, '');
  }

  async create(): Promise<number> {
    const task = this.task();
    try {
      const { tasks } = await this.driver.begin(task);
      const { pid } = await tasks.create(this.driver.context(task), {
        id: task.id,
        bundle: task.bundle,
        rootfs: [], // mounted by us, where the bundle's spec says
        terminal: task.terminal,
        ...stdioOf(task.dir),
        checkpoint: task.checkpoint ?? '',
        parentCheckpoint: '',
        options: this.driver.server.options(task),
      });
      return pid;
    } catch (error) {
      throw launchError(error, await this.program());
    }
  }

  protected override async program(): Promise<string | undefined> {
    return this.task().spec.process?.args?.[0];
  }

  async remove(): Promise<void> {
    // the driver's remove deletes the task with its init
  }
}
