import { O, SOCK } from './constants';
import { declare, declareRaw } from './libc';
import { recvWithFds, sendWithFds } from './socket-descriptors';
import { hasCode } from './syscall-error';
import { readStatfs, readStatx, STATFS_SIZE, STATX_BASIC, STATX_MNT_ID, STATX_SIZE } from './structs';
import type { AsyncSyscalls, FsStatus, Syscalls } from './syscalls';

const pointer = 'void *';
const text = 'const char *';

const c = {
  mount: declare('mount', 'int', [text, text, text, 'ulong', text]),
  umount2: declare('umount2', 'int', [text, 'int']),
  openTree: declareRaw(428, ['int', text, 'uint'], 'open_tree'),
  moveMount: declareRaw(429, ['int', text, 'int', text, 'uint'], 'move_mount'),
  fsopen: declareRaw(430, [text, 'uint'], 'fsopen'),
  fsconfigText: declareRaw(431, ['int', 'uint', text, text, 'int'], 'fsconfig'),
  fsconfigBytes: declareRaw(431, ['int', 'uint', text, pointer, 'int'], 'fsconfig'),
  fsmount: declareRaw(432, ['int', 'uint', 'uint'], 'fsmount'),
  mountSetattr: declareRaw(442, ['int', text, 'uint', pointer, 'size_t'], 'mount_setattr'),
  openat: declare('openat', 'int', ['int', text, 'int', 'uint']),
  openat2: declareRaw(437, ['int', text, pointer, 'size_t'], 'openat2'),
  statx: declare('statx', 'int', ['int', text, 'int', 'uint', pointer]),
  mknodat: declare('mknodat', 'int', ['int', text, 'uint', 'ulong']),
  mkdirat: declare('mkdirat', 'int', ['int', text, 'uint']),
  unlinkat: declare('unlinkat', 'int', ['int', text, 'int']),
  symlinkat: declare('symlinkat', 'int', [text, 'int', text]),
  linkat: declare('linkat', 'int', ['int', text, 'int', text, 'int']),
  readlinkat: declare('readlinkat', 'long', ['int', text, pointer, 'size_t']),
  renameat2: declare('renameat2', 'int', ['int', text, 'int', text, 'uint']),
  fchownat: declare('fchownat', 'int', ['int', text, 'uint', 'uint', 'int']),
  fchmodat: declare('fchmodat', 'int', ['int', text, 'uint', 'int']),
  utimensat: declare('utimensat', 'int', ['int', text, pointer, 'int']),
  statfs: declare('statfs', 'int', [text, pointer]),
  fstatfs: declare('fstatfs', 'int', ['int', pointer]),
  flock: declare('flock', 'int', ['int', 'int']),
  syncfs: declare('syncfs', 'int', ['int']),
  close: declare('close', 'int', ['int']),
  fcntl: declare('fcntl', 'int', ['int', 'int', 'long']),
  memfdCreate: declare('memfd_create', 'int', [text, 'uint']),
  ioctlNumber: declare('ioctl', 'int', ['int', 'ulong', 'long']),
  ioctlBytes: declare('ioctl', 'int', ['int', 'ulong', pointer]),
  quotactlFd: declareRaw(443, ['uint', 'uint', 'uint', pointer], 'quotactl_fd'),
  quotactl: declare('quotactl', 'int', ['uint', text, 'uint', pointer]),
  pipe2: declare('pipe2', 'int', [pointer, 'int']),
  lgetxattr: declare('lgetxattr', 'long', [text, text, pointer, 'size_t']),
  lsetxattr: declare('lsetxattr', 'int', [text, text, pointer, 'size_t', 'int']),
  lremovexattr: declare('lremovexattr', 'int', [text, text]),
  llistxattr: declare('llistxattr', 'long', [text, pointer, 'size_t']),
  fgetxattr: declare('fgetxattr', 'long', ['int', text, pointer, 'size_t']),
  fsetxattr: declare('fsetxattr', 'int', ['int', text, pointer, 'size_t', 'int']),
  flistxattr: declare('flistxattr', 'long', ['int', pointer, 'size_t']),
  setns: declare('setns', 'int', ['int', 'int']),
  unshare: declare('unshare', 'int', ['int']),
  pidfdOpen: declareRaw(434, ['int', 'uint'], 'pidfd_open'),
  pidfdGetfd: declareRaw(438, ['int', 'int', 'uint'], 'pidfd_getfd'),
  pidfdSendSignal: declareRaw(424, ['int', 'int', pointer, 'uint'], 'pidfd_send_signal'),
  kill: declare('kill', 'int', ['int', 'int']),
  prctl: declare('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']),
  prlimit: declare('prlimit64', 'int', ['int', 'int', pointer, pointer], 'prlimit'),
  socket: declare('socket', 'int', ['int', 'int', 'int']),
  socketpair: declare('socketpair', 'int', ['int', 'int', 'int', pointer]),
  bind: declare('bind', 'int', ['int', pointer, 'uint']),
  connect: declare('connect', 'int', ['int', pointer, 'uint']),
  listen: declare('listen', 'int', ['int', 'int']),
  getsockname: declare('getsockname', 'int', ['int', pointer, pointer]),
  setsockopt: declare('setsockopt', 'int', ['int', 'int', 'int', pointer, 'uint']),
  sendto: declare('sendto', 'long', ['int', pointer, 'size_t', 'int', pointer, 'uint']),
  recv: declare('recv', 'long', ['int', pointer, 'size_t', 'int']),
};

/** Descriptor with path, as errors show it. */
const below = (dir: number, path: string): string => (path.startsWith('/') || dir === -100 ? path : `<${dir}>/${path}`);

const intPair = (fill: (pair: Buffer) => void): [number, number] => {
  const pair = Buffer.alloc(8);
  fill(pair);
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
};

/** glibc's encoding of a device number. */
export function makedev(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/** Attributes grow between the question for their size and the reading: ask again then. */
function sized(read: (into: Buffer | null, size: number) => number): Buffer {
  for (;;) {
    const size = read(null, 0);
    if (size === 0) return Buffer.alloc(0);
    const into = Buffer.alloc(size);
    try {
      return into.subarray(0, read(into, size));
    } catch (error) {
      if (!hasCode(error, 'ERANGE')) throw error;
    }
  }
}

function attribute(read: () => Buffer): Buffer | undefined {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENODATA')) return undefined;
    throw error;
  }
}

const nameList = (packed: Buffer): string[] =>
  packed
    .toString()
    .split('\0')
    .filter((name) => name !== '');

function filesystem(call: (into: Buffer) => unknown): FsStatus {
  const into = Buffer.alloc(STATFS_SIZE);
  call(into);
  return readStatfs(into);
}

const async: AsyncSyscalls = {
  mount: async (source, target, type, flags, data) => void (await c.mount.async(target, source, target, type, flags, data)),
  umount2: async (target, flags) => void (await c.umount2.async(target, target, flags)),
  statfs: async (path) => {
    const into = Buffer.alloc(STATFS_SIZE);
    await c.statfs.async(path, path, into);
    return readStatfs(into);
  },
  syncfs: async (fd) => void (await c.syncfs.async(undefined, fd)),
  flock: async (fd, operation) => void (await c.flock.async(undefined, fd, operation)),
  sendto: (fd, data, flags, address) =>
    c.sendto.async(undefined, fd, data, data.byteLength, flags, address ?? null, address?.byteLength ?? 0),
  close: async (fd) => void (await c.close.async(undefined, fd)),
};

/** More than any number of unlucky moments in a row, so that a bug does not spin for ever. */
const OPENAT2_TRIES = 1000;

/** The real kernel. Importing costs nothing: the FFI module is loaded with the first call. */
export const syscalls: Syscalls & { readonly async: AsyncSyscalls } = {
  async,
  mount: (source, target, type, flags, data) => void c.mount(target, source, target, type, flags, data),
  umount2: (target, flags) => void c.umount2(target, target, flags),
  openTree: (dir, path, flags) => c.openTree(below(dir, path), dir, path, flags | O.CLOEXEC),
  moveMount: (fromDir, from, toDir, to, flags) => void c.moveMount(below(toDir, to), fromDir, from, toDir, to, flags),
  fsopen: (type, flags) => c.fsopen(type, type, flags | 1),
  fsconfig: (fs, command, key, value, aux) =>
    void (Buffer.isBuffer(value)
      ? c.fsconfigBytes(key ?? undefined, fs, command, key, value, aux)
      : c.fsconfigText(key ?? undefined, fs, command, key, value, aux)),
  fsmount: (fs, flags, attributes) => c.fsmount(undefined, fs, flags | 1, attributes),
  mountSetattr: (dir, path, flags, attributes) => {
    const struct = Buffer.alloc(32); // struct mount_attr: four u64
    struct.writeBigUInt64LE(BigInt(attributes.set ?? 0), 0);
    struct.writeBigUInt64LE(BigInt(attributes.clear ?? 0), 8);
    struct.writeBigUInt64LE(BigInt(attributes.propagation ?? 0), 16);
    struct.writeBigUInt64LE(BigInt(attributes.userns ?? 0), 24);
    c.mountSetattr(below(dir, path), dir, path, flags, struct, struct.length);
  },

  openat: (dir, path, flags, mode = 0) => c.openat(below(dir, path), dir, path, flags | O.CLOEXEC, mode),
  openat2: (dir, path, how) => {
    const struct = Buffer.alloc(24); // struct open_how: three u64
    struct.writeBigUInt64LE(BigInt(how.flags | O.CLOEXEC), 0);
    struct.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
    struct.writeBigUInt64LE(BigInt(how.resolve ?? 0), 16);
    for (let tries = 0; ; tries++) {
      try {
        return c.openat2(below(dir, path), dir, path, struct, struct.length);
      } catch (error) {
        // openat2(2): a rename or mount elsewhere on the system met a `..` on the way; the caller is to try again
        if (how.resolve === undefined || tries === OPENAT2_TRIES || !hasCode(error, 'EAGAIN')) throw error;
      }
    }
  },
  statx: (dir, path, flags) => {
    const into = Buffer.alloc(STATX_SIZE);
    c.statx(below(dir, path), dir, path, flags, STATX_BASIC | STATX_MNT_ID, into);
    return readStatx(into);
  },
  mknodat: (dir, path, mode, { major, minor }) => void c.mknodat(below(dir, path), dir, path, mode, makedev(major, minor)),
  mkdirat: (dir, path, mode) => void c.mkdirat(below(dir, path), dir, path, mode),
  unlinkat: (dir, path, flags) => void c.unlinkat(below(dir, path), dir, path, flags),
  symlinkat: (target, dir, path) => void c.symlinkat(below(dir, path), target, dir, path),
  linkat: (fromDir, from, toDir, to, flags) => void c.linkat(below(toDir, to), fromDir, from, toDir, to, flags),
  readlinkat: (dir, path) => {
    const into = Buffer.alloc(4096);
    return into.toString('utf8', 0, c.readlinkat(below(dir, path), dir, path, into, into.length));
  },
  renameat2: (fromDir, from, toDir, to, flags) => void c.renameat2(below(fromDir, from), fromDir, from, toDir, to, flags),
  fchownat: (dir, path, uid, gid, flags) => void c.fchownat(below(dir, path), dir, path, uid, gid, flags),
  fchmodat: (dir, path, mode) => void c.fchmodat(below(dir, path), dir, path, mode, 0),
  utimensat: (dir, path, { atime, atimeNanos, mtime, mtimeNanos }, flags) => {
    const pair = Buffer.alloc(32); // two struct timespec
    [atime, BigInt(atimeNanos), mtime, BigInt(mtimeNanos)].forEach((value, index) => pair.writeBigInt64LE(value, index * 8));
    c.utimensat(below(dir, path), dir, path, pair, flags);
  },
  statfs: (path) => filesystem((into) => c.statfs(path, path, into)),
  fstatfs: (fd) => filesystem((into) => c.fstatfs(undefined, fd, into)),
  flock: (fd, operation) => void c.flock(undefined, fd, operation),
  syncfs: (fd) => void c.syncfs(undefined, fd),
  close: (fd) => void c.close(undefined, fd),
  dup: (fd) => c.fcntl(undefined, fd, 1030, 0),
  fcntl: (fd, command, argument) => c.fcntl(undefined, fd, command, argument),
  memfdCreate: (name, flags) => c.memfdCreate(name, name, flags | 1),
  ioctl: (fd, request, argument) =>
    typeof argument === 'number' ? c.ioctlNumber(undefined, fd, request, argument) : c.ioctlBytes(undefined, fd, request, argument),
  quotactlFd: (fd, command, id, data) => void c.quotactlFd(undefined, fd, command, id, data),
  quotactl: (command, device, id, data) => void c.quotactl(device, command, device, id, data),
  pipe2: (flags) => intPair((pair) => c.pipe2(undefined, pair, flags | O.CLOEXEC)),

  lgetxattr: (path, name) => attribute(() => sized((into, size) => c.lgetxattr(path, path, name, into, size))),
  lsetxattr: (path, name, value, flags = 0) => void c.lsetxattr(path, path, name, value, value.byteLength, flags),
  lremovexattr: (path, name) => void c.lremovexattr(path, path, name),
  llistxattr: (path) => nameList(sized((into, size) => c.llistxattr(path, path, into, size))),
  fgetxattr: (fd, name) => attribute(() => sized((into, size) => c.fgetxattr(undefined, fd, name, into, size))),
  fsetxattr: (fd, name, value, flags = 0) => void c.fsetxattr(undefined, fd, name, value, value.byteLength, flags),
  flistxattr: (fd) => nameList(sized((into, size) => c.flistxattr(undefined, fd, into, size))),

  setns: (fd, type) => void c.setns(undefined, fd, type),
  unshare: (flags) => void c.unshare(undefined, flags),
  pidfdOpen: (pid) => c.pidfdOpen(`pid ${pid}`, pid, 0),
  pidfdGetfd: (pidfd, fd) => c.pidfdGetfd(`descriptor ${fd}`, pidfd, fd, 0),
  pidfdSendSignal: (pidfd, signal) => void c.pidfdSendSignal(undefined, pidfd, signal, null, 0),
  kill: (pid, signal) => void c.kill(`pid ${pid}`, pid, signal),
  prctl: (option, argument) => c.prctl(undefined, option, argument, 0, 0, 0),
  prlimit: (pid, resource, limit) => {
    const old = Buffer.alloc(16);
    let wanted: Buffer | null = null;
    if (limit !== undefined) {
      wanted = Buffer.alloc(16);
      wanted.writeBigUInt64LE(limit.soft, 0);
      wanted.writeBigUInt64LE(limit.hard, 8);
    }
    c.prlimit(`pid ${pid}`, pid, resource, wanted, old);
    return { soft: old.readBigUInt64LE(0), hard: old.readBigUInt64LE(8) };
  },

  socket: (domain, type, protocol) => c.socket(undefined, domain, type | SOCK.CLOEXEC, protocol),
  socketpair: (domain, type, protocol) => intPair((pair) => c.socketpair(undefined, domain, type | SOCK.CLOEXEC, protocol, pair)),
  bind: (fd, address) => void c.bind(undefined, fd, address, address.byteLength),
  connect: (fd, address) => void c.connect(undefined, fd, address, address.byteLength),
  listen: (fd, backlog) => void c.listen(undefined, fd, backlog),
  getsockname: (fd) => {
    const address = Buffer.alloc(128);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(address.length);
    c.getsockname(undefined, fd, address, length);
    return address.subarray(0, length.readUInt32LE());
  },
  setsockopt: (fd, level, option, value) => void c.setsockopt(undefined, fd, level, option, value, value.byteLength),
  sendto: (fd, data, flags, address) => c.sendto(undefined, fd, data, data.byteLength, flags, address ?? null, address?.byteLength ?? 0),
  recv: (fd, into, flags) => c.recv(undefined, fd, into, into.byteLength, flags),
  recvWithFds,
  sendWithFds,
};
