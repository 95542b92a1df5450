import type { TaskParts } from './engine';
import { driverTask, type Task } from './task';

/**
 * What follows the end of a task's init, after it was told: what outlived it is ended, and its rootfs, which nobody needs any more unless a hook
 * comes after it, is unmounted before Delete asks for it. Delete tries again what failed.
 */
export function taskEnded(engine: TaskParts, task: Task): void {
  const { id, rootfs } = task.record;
  const swept = task.driver
    .sweep(driverTask(task))
    .catch((error: unknown) => engine.logger.warn({ err: error, id }, 'cannot end what outlived the task'));
  if (rootfs === undefined || (task.spec.hooks?.poststop ?? []).length > 0) return;
  task.unmounted = swept
    .then(() => engine.rootfs.unmount(rootfs))
    .then(
      () => true,
      () => false,
    );
}
