import { mkdirSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import { hasCode, MNT, MS, type AsyncSyscalls } from '@gantry/linux';
import { failedPrecondition, internal, invalidArgument, isErrorOf } from '@gantry/rpc';
import type { Helper } from '@gantry/native';
import { MOUNT_DATA_MAX, relativeLower } from './lower-paths';
import { type IdMapText, parseMountOptions } from './mount-options';

/** Mounts what Task.Create names, at the bundle's rootfs, and unmounts it. */
export interface RootfsMounter {
  /** All of the mounts in their order; none are left when one fails. Nothing to do for an empty list. */
  mount(target: string, mounts: readonly Mount[]): Promise<void>;
  /** Every mount at the target; a missing directory or mount is fine. */
  unmount(target: string): Promise<void>;
}

const BUSY_TRIES = 10;
const BUSY_WAIT_MS = 20;

export class HostRootfsMounter implements RootfsMounter {
  constructor(
    private readonly kernel: Pick<AsyncSyscalls, 'mount'>,
    private readonly helper: Pick<Helper, 'request'>,
  ) {}

  async mount(target: string, mounts: readonly Mount[]): Promise<void> {
    if (mounts.length === 0) return;
    mkdirSync(target, { recursive: true, mode: 0o711 });
    try {
      for (const mount of mounts) await this.one(placeOf(target, mount.target), mount);
    } catch (error) {
      await this.unmount(target).catch(() => undefined);
      throw error;
    }
  }

  async unmount(target: string): Promise<void> {
    let tries = 0;
    for (;;) {
      // In a process of its own: writing back an overlay's upper directory may take long, a dead server for ever.
      const lazily = tries >= BUSY_TRIES ? MNT.DETACH : 0;
      const request = { path: target, flags: MNT.UMOUNT_NOFOLLOW | lazily };
      const answer = await this.helper.request('umount', request).catch((error: unknown) => {
        if (isErrorOf(error, 'unavailable')) return this.helper.request('umount', request); // the helper was killed; repeating does no harm
        throw error;
      });
      if (answer.ok) return;
      if (answer.errno !== EBUSY || tries > BUSY_TRIES) throw internal(`cannot unmount ${target}: ${answer.error ?? ''}`);
      tries++;
      await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
    }
  }

  private async one(target: string, mount: Mount): Promise<void> {
    const { flags, data, map } = parseMountOptions(mount.options);
    if (map !== undefined) return this.mappedMount(target, mount, flags, data, map);
    try {
      if (Buffer.byteLength(data) > MOUNT_DATA_MAX) await this.longMount(target, mount, flags, data);
      else await this.kernel.mount(mount.source, target, mount.type, flags, data === '' ? null : data);
      // The kernel takes no other flag with a bind; a second call sets them.
      if ((flags & MS.BIND) !== 0 && (flags & ~(MS.BIND | MS.REC)) !== 0)
        await this.kernel.mount(null, target, null, (flags & ~MS.REC) | MS.REMOUNT, null);
    } catch (error) {
      if (hasCode(error, 'ENOENT'))
        throw failedPrecondition(`cannot mount ${mount.type} ${mount.source} at ${target}: a directory is missing`, { cause: error });
      throw internal(`cannot mount ${mount.type} ${mount.source} at ${target}`, { cause: error });
    }
  }

  /** By the helper: it makes a user namespace for the map, which needs a fork. */
  private async mappedMount(target: string, mount: Mount, flags: number, data: string, { uids, gids }: IdMapText): Promise<void> {
    const answer = await this.helper.request('mount', {
      path: target,
      source: mount.source,
      type: mount.type,
      flags,
      data,
      uid_map: uids,
      gid_map: gids,
    });
    if (!answer.ok) throw internal(`cannot mount ${mount.type} ${mount.source} at ${target} with an id map: ${answer.error ?? ''}`);
  }

  private async longMount(target: string, mount: Mount, flags: number, data: string): Promise<void> {
    const relative = mount.type === 'overlay' ? relativeLower(data) : undefined;
    if (relative === undefined || Buffer.byteLength(relative.data) > MOUNT_DATA_MAX)
      throw invalidArgument(`options of ${mount.type} mount at ${target} are longer than ${MOUNT_DATA_MAX} bytes`);
    const answer = await this.helper.request('mount', {
      path: target,
      source: mount.source,
      type: mount.type,
      flags,
      data: relative.data,
      directory: relative.directory,
    });
    if (!answer.ok) throw internal(answer.error ?? 'mount failed');
  }
}

const EBUSY = 16;

function placeOf(rootfs: string, target: string): string {
  if (target === '') return rootfs;
  const clean = normalize(isAbsolute(target) ? target : `/${target}`);
  return join(rootfs, clean);
}
