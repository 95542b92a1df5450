import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MNT, readMountInfo, syscalls } from '@gantry/linux';
import type { Looker } from '@gantry/linux/looks';
import { errorText, internal, isErrorOf } from '@gantry/rpc';
import type { ForeignLooks } from '../looks';
import type { VolumeMount } from './options';

export type Looks = Pick<Looker<ForeignLooks>, 'look'>;

export function isMounted(path: string): boolean {
  return readMountInfo().some(({ mountPoint }) => mountPoint === path);
}

/** Milliseconds for a server to answer a mount: NFS tries for minutes by itself. */
const MOUNT_MS = 60_000;

/** Mounts a volume's device. May wait for a server: runs in a process of its own. */
export async function mountVolume(looks: Looks, name: string, mount: VolumeMount, target: string): Promise<void> {
  const { type, device, flags } = mount;
  try {
    const data = type.startsWith('nfs') || type === 'cifs' ? await withAddress(mount.data) : mount.data;
    await looks.look('mount', [device, target, type === 'none' ? null : type, flags, data === '' ? null : data], {
      path: device,
      failure: `mount ${device}:${target}`,
      ms: MOUNT_MS,
      apart: !['none', 'tmpfs', ''].includes(type),
    });
  } catch (error) {
    if (isErrorOf(error, 'deadlineExceeded')) throw error;
    throw internal(
      `error while mounting volume '${target}': failed to mount local volume ${name}: mount ${device}:${target}: ${errorText(error)}`,
      { cause: error },
    );
  }
}

export async function unmountVolume(target: string): Promise<void> {
  await syscalls.async.umount2(target, MNT.DETACH);
}

/** The kernel wants addr= as an address. */
async function withAddress(data: string): Promise<string> {
  const words = data.split(',');
  for (const [at, word] of words.entries()) {
    const host = /^addr=(.+)$/.exec(word)?.[1];
    if (host !== undefined && isIP(host) === 0) words[at] = `addr=${(await lookup(host)).address}`;
  }
  return words.join(',');
}
