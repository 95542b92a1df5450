/** A descriptor number. Every call that makes one sets close-on-exec. */
export type Fd = number;

export interface OpenHow {
  readonly flags: number;
  readonly mode?: number;
  /** RESOLVE flags. */
  readonly resolve?: number;
}

/** What statx(2) tells. */
export interface FileStatus {
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly ino: bigint;
  readonly size: bigint;
  /** 512-byte blocks. */
  readonly blocks: bigint;
  readonly rdev: { readonly major: number; readonly minor: number };
  readonly dev: { readonly major: number; readonly minor: number };
  /** Tells mounts apart (kernel 5.8), else 0. */
  readonly mountId: bigint;
  /** Seconds with fraction dropped. */
  readonly mtime: bigint;
  readonly mtimeNanos: number;
  readonly atime: bigint;
  readonly atimeNanos: number;
}

/** Two times as statx tells them. */
export type FileTimes = Pick<FileStatus, 'atime' | 'atimeNanos' | 'mtime' | 'mtimeNanos'>;

export interface FsStatus {
  /** f_type, see FS_MAGIC. */
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: bigint;
  readonly freeBlocks: bigint;
  readonly availableBlocks: bigint;
  readonly files: bigint;
  readonly freeFiles: bigint;
  readonly nameLength: number;
  readonly flags: bigint;
}

export interface Rlimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface MountAttributes {
  /** MOUNT_ATTR flags. */
  readonly set?: number;
  readonly clear?: number;
  /** MS.PRIVATE, SLAVE, SHARED or UNBINDABLE. */
  readonly propagation?: number;
  /** User namespace for MOUNT_ATTR.IDMAP. */
  readonly userns?: Fd;
}

/**
 * The kernel's door: the man page of each call is its contract. Synchronous: for calls that cannot block for long. All throw SyscallError.
 * Consumers should ask for a Pick of what they need.
 */
export interface Syscalls {
  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): void;
  umount2(target: string, flags: number): void;
  openTree(dir: Fd, path: string, flags: number): Fd;
  moveMount(fromDir: Fd, from: string, toDir: Fd, to: string, flags: number): void;
  fsopen(type: string, flags: number): Fd;
  fsconfig(fs: Fd, command: number, key: string | null, value: string | Buffer | null, aux: number): void;
  fsmount(fs: Fd, flags: number, attributes: number): Fd;
  mountSetattr(dir: Fd, path: string, flags: number, attributes: MountAttributes): void;

  openat(dir: Fd, path: string, flags: number, mode?: number): Fd;
  /** Kernel 5.6. The way to open a path below a root that somebody else writes to. */
  openat2(dir: Fd, path: string, how: OpenHow): Fd;
  statx(dir: Fd, path: string, flags: number): FileStatus;
  mknodat(dir: Fd, path: string, mode: number, device: { readonly major: number; readonly minor: number }): void;
  mkdirat(dir: Fd, path: string, mode: number): void;
  unlinkat(dir: Fd, path: string, flags: number): void;
  symlinkat(target: string, dir: Fd, path: string): void;
  linkat(fromDir: Fd, from: string, toDir: Fd, to: string, flags: number): void;
  readlinkat(dir: Fd, path: string): string;
  renameat2(fromDir: Fd, from: string, toDir: Fd, to: string, flags: number): void;
  fchownat(dir: Fd, path: string, uid: number, gid: number, flags: number): void;
  fchmodat(dir: Fd, path: string, mode: number): void;
  utimensat(dir: Fd, path: string, times: FileTimes, flags: number): void;
  statfs(path: string): FsStatus;
  fstatfs(fd: Fd): FsStatus;
  flock(fd: Fd, operation: number): void;
  syncfs(fd: Fd): void;
  close(fd: Fd): void;
  dup(fd: Fd): Fd;
  fcntl(fd: Fd, command: number, argument: number): number;
  memfdCreate(name: string, flags: number): Fd;
  /** The argument is a number or a buffer that the kernel reads and writes. */
  ioctl(fd: Fd, request: number, argument: number | Buffer): number;
  /** Of the file system that fd is on: command holds the kind of the quota, too; the buffer is read and written. Kernel 5.14, ENOSYS before. */
  quotactlFd(fd: Fd, command: number, id: number, data: Buffer): void;
  /** The same of the block device at a path, on every kernel. */
  quotactl(command: number, device: string, id: number, data: Buffer): void;
  /** A pipe pair, [read, write]. */
  pipe2(flags: number): [Fd, Fd];

  /** The value, or undefined when there is none (ENODATA). The l forms do not follow a symlink. */
  lgetxattr(path: string, name: string): Buffer | undefined;
  lsetxattr(path: string, name: string, value: Uint8Array, flags?: number): void;
  lremovexattr(path: string, name: string): void;
  llistxattr(path: string): string[];
  fgetxattr(fd: Fd, name: string): Buffer | undefined;
  fsetxattr(fd: Fd, name: string, value: Uint8Array, flags?: number): void;
  flistxattr(fd: Fd): string[];

  /** Acts on the calling thread: enter and leave within one synchronous stretch, see inNamespace. */
  setns(fd: Fd, type: number): void;
  unshare(flags: number): void;
  pidfdOpen(pid: number): Fd;
  /** A duplicate of another process's descriptor, closed on exec. */
  pidfdGetfd(pidfd: Fd, fd: number): Fd;
  pidfdSendSignal(pidfd: Fd, signal: number): void;
  kill(pid: number, signal: number): void;
  prctl(option: number, argument: number): number;
  prlimit(pid: number, resource: number, limit?: Rlimit): Rlimit;

  socket(domain: number, type: number, protocol: number): Fd;
  socketpair(domain: number, type: number, protocol: number): [Fd, Fd];
  /** Addresses are raw struct sockaddr, see the makers in socket-address.ts. */
  bind(fd: Fd, address: Uint8Array): void;
  connect(fd: Fd, address: Uint8Array): void;
  listen(fd: Fd, backlog: number): void;
  getsockname(fd: Fd): Buffer;
  setsockopt(fd: Fd, level: number, option: number, value: Uint8Array): void;
  sendto(fd: Fd, data: Uint8Array, flags: number, address?: Uint8Array): number;
  /** Bytes received; with MSG.TRUNC the true length of a datagram, which may exceed the buffer. */
  recv(fd: Fd, into: Uint8Array, flags: number): number;
  /** Like recv, for unix sockets that carry descriptors. */
  recvWithFds(fd: Fd, into: Uint8Array, flags: number): { readonly bytes: number; readonly fds: Fd[] };
  sendWithFds(fd: Fd, data: Uint8Array, fds: readonly Fd[], flags: number): number;
}

/** The calls that may wait for a disk, a dead server or a kernel lock: they run in the FFI module's threads, off the event loop. */
export interface AsyncSyscalls {
  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): Promise<void>;
  umount2(target: string, flags: number): Promise<void>;
  statfs(path: string): Promise<FsStatus>;
  syncfs(fd: Fd): Promise<void>;
  flock(fd: Fd, operation: number): Promise<void>;
  sendto(fd: Fd, data: Uint8Array, flags: number, address?: Uint8Array): Promise<number>;
  close(fd: Fd): Promise<void>;
}
