import type { Mount } from '@gantry/api/containerd/types/types';
import { AT, hasCode, MNT, mountPointsBelow, MS, O, readMountInfo, splitMountOptions, syscalls } from '@gantry/linux';
import { failedPrecondition, internal, invalidArgument } from '@gantry/rpc';

/** mount(2) copies one page of data at most, its closing zero included. */
const DATA_MAX = 4095;
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 10;

/** Mounts what containerd's form says at a path, in a thread. `readonly`: whatever the options say. */
export async function mountAt(target: string, { type, source, options }: Mount, { readonly = false } = {}): Promise<void> {
  const parsed = splitMountOptions(options);
  const flags = readonly ? parsed.flags | MS.RDONLY : parsed.flags;
  const long = Buffer.byteLength(parsed.data.join(',')) > DATA_MAX;
  const held = long && type === 'overlay' ? shortLower(parsed.data) : { data: parsed.data, release: () => undefined };
  const data = held.data.join(',');
  try {
    if (Buffer.byteLength(data) > DATA_MAX)
      throw invalidArgument(`options of the ${type} mount at ${target} are longer than ${DATA_MAX} bytes`);
    await syscalls.async.mount(source, target, (flags & MS.BIND) !== 0 ? null : type, flags, data === '' ? null : data);
    // The kernel takes no other flag with a bind; a second call sets them.
    if ((flags & MS.BIND) !== 0 && (flags & ~(MS.BIND | MS.REC)) !== 0) {
      await syscalls.async.mount(null, target, null, (flags & ~MS.REC) | MS.REMOUNT, null).catch(async (error: unknown) => {
        await unmount(target);
        throw error;
      });
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT'))
      throw failedPrecondition(`cannot mount ${type} ${source} at ${target}: a directory is missing`, { cause: error });
    throw internal(`cannot mount ${type} ${source} at ${target}`, { cause: error });
  } finally {
    held.release();
  }
}

/** In a thread: the last mount of an overlay writes back what was written to it. One that stays busy is taken out of sight. */
export async function unmount(point: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await syscalls.async.umount2(point, MNT.UMOUNT_NOFOLLOW | (tries === BUSY_TRIES ? MNT.DETACH : 0));
      return;
    } catch (error) {
      if (hasCode(error, 'EINVAL') || hasCode(error, 'ENOENT')) return; // no mount any more
      if (!hasCode(error, 'EBUSY') || tries === BUSY_TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
  }
}

/** Unmounts all that is mounted at a directory of ours and below. */
export async function unmountBelow(directory: string): Promise<void> {
  for (const point of mountPointsBelow(directory, readMountInfo())) await unmount(point);
}

/** Many lower directories, each named by a descriptor, so that they fit into one page. */
function shortLower(data: readonly string[]): { readonly data: string[]; release(): undefined } {
  const opened: number[] = [];
  const release = (): undefined => {
    for (const fd of opened.splice(0)) syscalls.close(fd);
  };
  const short = (path: string): string => {
    const fd = syscalls.openat(AT.FDCWD, path, O.PATH | O.DIRECTORY);
    opened.push(fd);
    return `/proc/self/fd/${fd}`;
  };
  try {
    return {
      data: data.map((part) => (part.startsWith('lowerdir=') ? `lowerdir=${part.slice(9).split(':').map(short).join(':')}` : part)),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}
