import { readFileSync } from 'node:fs';
import { AT, hasCode, O, syscalls } from '@gantry/linux';
import { capabilityNames, type LinuxCapabilities, type LinuxDevice, type LinuxDeviceCgroup } from '@gantry/oci';

let own: readonly string[] | undefined;

/** The capabilities of this process: nobody can be given more. */
function ownCapabilities(): readonly string[] {
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  return (own ??= capabilityNames.filter((_, index) => (bits & (1n << BigInt(index))) !== 0n));
}

/** What `--security=insecure` gives, beside no seccomp and no masks: every capability, also across an execve of another user … */
export function insecureCapabilities(): LinuxCapabilities {
  const all = [...ownCapabilities()];
  return { bounding: all, effective: all, inheritable: all, permitted: all, ambient: all };
}

/** … every device … */
export function insecureRules(): LinuxDeviceCgroup[] {
  return ['c', 'b'].map((type) => ({ allow: true, type, access: 'rwm' }));
}

/** … and nodes of those that mount and emulate. */
export function insecureDevices(): LinuxDevice[] {
  const node = (path: string, major: number, minor: number, type: 'b' | 'c' = 'c'): LinuxDevice => ({ path, type, major, minor });
  return [
    node('/dev/kmsg', 1, 11),
    node('/dev/cuse', 10, 203),
    node('/dev/fuse', 10, 229),
    node('/dev/kvm', 10, 232),
    node('/dev/net/tun', 10, 200),
    node('/dev/loop-control', 10, 237),
    ...Array.from({ length: freeLoop() + 8 }, (_, index) => node(`/dev/loop${index}`, 7, index, 'b')),
  ];
}

const LOOP_CTL_GET_FREE = 0x4c82;

/** Number of the first free loop device; 0 where the host has none. */
function freeLoop(): number {
  let fd: number;
  try {
    fd = syscalls.openat(AT.FDCWD, '/dev/loop-control', O.RDWR);
  } catch (error) {
    if (['ENOENT', 'ENXIO', 'ENODEV', 'EPERM', 'EACCES'].some((code) => hasCode(error, code))) return 0;
    throw error;
  }
  try {
    return syscalls.ioctl(fd, LOOP_CTL_GET_FREE, 0);
  } finally {
    syscalls.close(fd);
  }
}
