import { execFile } from 'node:child_process';
import type { Context } from './context';

/** As `gantry-runc delete --force` does: kills what is left, removes cgroups and state, runs poststop. */
export function deleteContainer(context: Context, id: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(context.native, ['runc', '--root', context.root, 'delete', '--force', id], (error, _, stderr) => {
      if (stderr) context.log.warn(stderr.trim());
      if (error) reject(error);
      else resolve();
    });
  });
}
