import { MountType } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { MountNeeds } from '../mounts';
import type { CacheMounts } from './cache-mounts';
import type { HiddenFiles } from './hidden-files';
import { secretMount } from './secrets';
import { type SocketPaths, sshMount } from './ssh';

/** Makes what mounts show that are no trees of inputs. */
export function makeSpecial(parts: {
  readonly caches: CacheMounts;
  readonly hidden: HiddenFiles;
  readonly socketPath: SocketPaths;
}): MountNeeds['special'] {
  return async (ctx, { mount, input, sessions, caches, description }) => {
    switch (mount.mountType) {
      case MountType.CACHE:
        return parts.caches.mount(ctx, { mount, base: input, caches, description });
      case MountType.TMPFS: {
        const size = mount.TmpfsOpt?.size ?? 0n;
        const options = ['nosuid', ...(size > 0n ? [`size=${size}`] : [])];
        return { source: [{ type: 'tmpfs', source: 'tmpfs', target: '', options }], release: () => Promise.resolve() };
      }
      case MountType.SECRET:
        return secretMount(parts.hidden, ctx, mount, sessions);
      case MountType.SSH:
        return sshMount(parts.socketPath, ctx, mount, sessions);
      default:
        throw invalidArgument(`mount ${mount.dest}: type ${mount.mountType} shows a tree of an input`);
    }
  };
}
