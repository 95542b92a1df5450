/** Numbers of the kernel's interface: <sched.h>, <linux/mount.h>, <linux/capability.h>, <sys/resource.h>. */

export const CLONE = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
  time: 0x00000080,
} as const;

export const MS = {
  rec: 16384,
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
} as const;

export const ATTR = {
  rdonly: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  /** The mask over relatime (0), noatime and strictatime. */
  atime: 0x70,
  relatime: 0x0,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
} as const;

export const ROOTFS = { pivot: 0, inPlace: 1, onTop: 2, follow: 16 } as const;
export const MOUNT_FLAG = { noSymlink: 1, copyUp: 2, optional: 4 } as const;
export const BIND_FLAG = { recursive: 1, proc: 2, idmapRecursive: 4 } as const;
export const LINK_FLAG = { replace: 1, optional: 2 } as const;
export const DEVICE_FLAG = { bind: 1 } as const;
export const HOOK_WHERE = { runtime: 1, container: 2, start: 3 } as const;

/** The same numbers on x86-64 and aarch64. */
export const rlimitNumbers: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
