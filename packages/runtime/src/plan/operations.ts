/**
 * The operations of a launch plan: code and format, the same table as native/plan/plan.h (a test compares them).
 * '4' u32, '8' u64, 's' string, 'b' bytes, 'v' strings, 'w' u32 numbers.
 */
export const operations = {
  CGROUP_V1: [0x0101, 's'],
  CGROUP_V2: [0x0102, 'ss'],
  JOIN: [0x0103, '4s'],
  TARGET: [0x0104, '484'],
  CGROUP_DEVICES: [0x0105, 'sb'],
  AFFINITY: [0x0106, 'b'],
  LISTENER: [0x0107, 'ssss'],
  UID_MAP: [0x0201, 'ss'],
  GID_MAP: [0x0202, 'ss'],
  OOM_SCORE_ADJ: [0x0203, '4'],
  RLIMIT: [0x0204, '488'],
  SETGROUPS: [0x0205, 's'],
  NET_DEVICE: [0x0206, 'sss'],
  DIRECTORY: [0x0300, 's'],
  UNSHARE: [0x0301, '4'],
  TIME_OFFSETS: [0x0302, 's'],
  SESSION: [0x0303, ''],
  KEYRING: [0x0304, 's'],
  HOSTNAME: [0x0305, 's'],
  DOMAINNAME: [0x0306, 's'],
  LOOPBACK: [0x0307, ''],
  PROPAGATION: [0x0308, '8'],
  ROOTFS: [0x0309, 's4'],
  MOUNT: [0x030a, 'sssv848'],
  BIND: [0x030b, 'ss4888888sss'],
  SYMLINK: [0x030c, 'ss4'],
  DEVICE: [0x030d, 's444444'],
  CONSOLE: [0x030e, '4'],
  MASK: [0x030f, 's'],
  READONLY: [0x0310, 's'],
  SYSCTL: [0x0311, 'ss'],
  ROOT_ATTR: [0x0312, '88'],
  PIVOT: [0x0313, '4'],
  APPARMOR: [0x0314, 's'],
  SELINUX: [0x0315, 's'],
  PERSONALITY: [0x0316, '8'],
  SCHEDULER: [0x0317, '4844888'],
  IO_PRIORITY: [0x0318, '4'],
  NO_NEW_PRIVS: [0x0319, ''],
  CAPS: [0x031a, '88888'],
  USER: [0x031b, '444w'],
  CWD: [0x031c, 's'],
  SECCOMP: [0x031d, '4b'],
  HOOK: [0x031e, '4svv4sss'],
  EXEC_CODE: [0x031f, 'vv4'],
  ATTR: [0x0320, 's88'],
  REMOUNT: [0x0321, 'sv88'],
  MEMPOLICY: [0x0322, '4b'],
  AFFINITY_FINAL: [0x0323, 'b'],
  LANDLOCK: [0x0324, '8vw'],
} as const satisfies Record<string, readonly [code: number, format: string]>;

export type OperationName = keyof typeof operations;

/** One operation as data: its name and its fields in the format's order. */
export type Operation = readonly [name: OperationName, ...fields: Field[]];

export type Field = number | bigint | string | Uint8Array | readonly string[] | readonly number[];

export const planKind = { create: 1, exec: 2 } as const;
