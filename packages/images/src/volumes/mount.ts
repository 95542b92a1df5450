import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MNT, MS, readMountInfo, syscalls } from '@gantry/linux';
import { errorText, internal } from '@gantry/rpc';
import type { VolumeMount } from './options';

export function isMounted(path: string): boolean {
  return readMountInfo().some(({ mountPoint }) => mountPoint === path);
}

/** Mounts a volume's device. May wait for a server: runs off the event loop. */
export async function mountVolume(name: string, mount: VolumeMount, target: string): Promise<void> {
  const { type, device, flags } = mount;
  try {
    const data = type.startsWith('nfs') || type === 'cifs' ? await withAddress(mount.data) : mount.data;
    await syscalls.async.mount(device, target, type === 'none' ? null : type, flags, data === '' ? null : data);
    const extra = flags & ~(MS.BIND | MS.REC);
    if ((flags & MS.BIND) !== 0 && extra !== 0) await syscalls.async.mount(null, target, null, MS.BIND | MS.REMOUNT | extra, null);
  } catch (error) {
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
