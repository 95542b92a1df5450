import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { LinuxCapabilities, Process } from '@gantry/oci';
import type { ResolvedUser } from './user-database';

/** Capability sets for a process of this user: one that is not root gets none but the bounding set, as after an execve. */
export function capabilitySets(names: readonly string[], uid: number): LinuxCapabilities {
  const bounding = [...names];
  return uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}

export function ociUser(user: ResolvedUser): Process['user'] {
  return { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] };
}

/** Initial terminal size out of HostConfig.ConsoleSize ([height, width]). */
export function consoleSize(host: Pick<HostConfig, 'ConsoleSize'>): { height: number; width: number } | undefined {
  const [height = 0n, width = 0n] = host.ConsoleSize;
  return height > 0n && width > 0n ? { height: Number(height), width: Number(width) } : undefined;
}
