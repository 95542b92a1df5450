import { existsSync } from 'node:fs';
import { MS, syscalls } from '@gantry/linux';
import type { Found } from '@gantry/linux/looks';

/** How a volume is mounted: mount(2), and a second time where a bind is to have flags of its own. */
function mount(device: string, target: string, type: string | null, flags: number, data: string | null): Found<undefined> {
  syscalls.mount(device, target, type, flags, data);
  // What is mounted below the source stays there when the volume is unmounted, though mounts are shared, as systemd has them.
  if ((flags & MS.BIND) !== 0) syscalls.mount(null, target, null, MS.SLAVE | MS.REC, null);
  const extra = flags & ~(MS.BIND | MS.REC);
  if ((flags & MS.BIND) !== 0 && extra !== 0) syscalls.mount(null, target, null, MS.BIND | MS.REMOUNT | extra, null);
  return { value: undefined };
}

/** Whether there is something; above all, that its file system answers. */
function exists(path: string): Found<boolean> {
  return { value: existsSync(path) };
}

/** Every look of the images service at a path that is not its own (see Looker). */
export const foreignLooks = { exists, mount };

export type ForeignLooks = typeof foreignLooks;
