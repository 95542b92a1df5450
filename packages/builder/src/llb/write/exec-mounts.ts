import { CacheSharingOpt, type Mount, MountContentCache, MountType } from '@gantry/api/pb/ops';
import type { Secret, SshSocket, TreeMount } from './exec';

const plain = {
  selector: '',
  readonly: false,
  TmpfsOpt: undefined,
  cacheOpt: undefined,
  secretOpt: undefined,
  SSHOpt: undefined,
  resultID: '',
  contentCache: MountContentCache.DEFAULT,
} as const;

const types = { bind: MountType.BIND, cache: MountType.CACHE, tmpfs: MountType.TMPFS } as const;
const sharings = { shared: CacheSharingOpt.SHARED, private: CacheSharingOpt.PRIVATE, locked: CacheSharingOpt.LOCKED } as const;

/** A tree's mount; -1 is no input, or no output. */
export function encodeMount(mount: TreeMount, input: bigint, output: bigint): Mount {
  const { kind, target, selector = '', readonly = false, cache, size = 0n } = mount;
  return {
    ...plain,
    input,
    output,
    dest: target,
    selector,
    readonly,
    mountType: types[kind],
    TmpfsOpt: kind === 'tmpfs' ? { size } : undefined,
    cacheOpt: cache === undefined ? undefined : { ID: cache.id, sharing: sharings[cache.sharing] },
  };
}

/** The mount of a secret that is a file. */
export function encodeSecret({ id, target, uid, gid, mode, optional }: Secret): Mount[] {
  if (target === undefined) return [];
  const secretOpt = { ID: id, uid, gid, mode, optional };
  return [{ ...plain, input: -1n, output: 0n, dest: target, mountType: MountType.SECRET, secretOpt }];
}

export function encodeSsh({ id, target, uid, gid, mode, optional }: SshSocket & { readonly target: string }): Mount {
  return { ...plain, input: -1n, output: 0n, dest: target, mountType: MountType.SSH, SSHOpt: { ID: id, uid, gid, mode, optional } };
}
