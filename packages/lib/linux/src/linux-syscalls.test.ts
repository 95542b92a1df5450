import { closeSync, fstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  addressText,
  AF,
  AT,
  detectCgroups,
  FS_MAGIC,
  FSCONFIG,
  hasCode,
  inetAddress,
  inNetworkNamespace,
  LOCK,
  makedev,
  MNT,
  MOUNT_ATTR,
  MOVE_MOUNT,
  MS,
  MSG,
  netlinkAddress,
  O,
  OPEN_TREE,
  readMountInfo,
  RESOLVE,
  RLIMIT,
  S,
  sendDatagram,
  SOCK,
  syscalls,
  SyscallError,
  unixAddress,
} from './index';

let dir: string;
const root = process.getuid?.() === 0;
const asRoot = root ? test : test.skip;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'linux-'));
});
afterEach(() => {
  for (const { mountPoint } of readMountInfo()
    .filter((mount) => mount.mountPoint.startsWith(`${dir}/`))
    .reverse())
    syscalls.umount2(mountPoint, MNT.DETACH);
  rmSync(dir, { recursive: true });
});

test('a failed call tells call, path and code', () => {
  const missing = join(dir, 'missing');
  expect(() => syscalls.umount2(missing, 0)).toThrow(SyscallError);
  expect(() => syscalls.umount2(missing, 0)).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'umount2', path: missing, kind: 'internal', message: `umount2 ${missing}: ENOENT` }),
  );
  expect(() => syscalls.openat2(AT.FDCWD, missing, { flags: O.PATH })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('errors of asynchronous calls are their own', async () => {
  const calls = await Promise.allSettled([
    syscalls.async.umount2(join(dir, 'missing'), 0),
    syscalls.async.statfs(join(dir, 'none')),
    syscalls.async.statfs('/proc'),
    syscalls.async.umount2(dir, 0),
  ]);
  expect(calls.map((call) => (call.status === 'rejected' ? (call.reason as SyscallError).code : 'ok'))).toEqual([
    'ENOENT',
    'ENOENT',
    'ok',
    root ? 'EINVAL' : 'EPERM',
  ]);
});

asRoot('mounts come and go', async () => {
  const target = join(dir, 'a b');
  mkdirSync(target);
  syscalls.mount('tmpfs', target, 'tmpfs', MS.NOSUID | MS.NODEV, 'size=64k,mode=700');
  const mount = readMountInfo().find(({ mountPoint }) => mountPoint === target);
  expect(mount).toMatchObject({ type: 'tmpfs', options: expect.arrayContaining(['nosuid', 'nodev']) as unknown });
  expect(syscalls.statfs(target)).toMatchObject({ type: FS_MAGIC.TMPFS, blockSize: 4096, blocks: 16n });
  expect((await syscalls.async.statfs(target)).type).toBe(FS_MAGIC.TMPFS);
  await syscalls.async.umount2(target, 0);
  expect(readMountInfo().some(({ mountPoint }) => mountPoint === target)).toBe(false);
});

asRoot('the newer mount calls', () => {
  const fs = syscalls.fsopen('tmpfs', 0);
  syscalls.fsconfig(fs, FSCONFIG.SET_STRING, 'size', '128k', 0);
  syscalls.fsconfig(fs, FSCONFIG.CMD_CREATE, null, null, 0);
  const tree = syscalls.fsmount(fs, 0, MOUNT_ATTR.NOEXEC);
  const target = join(dir, 'new');
  mkdirSync(target);
  syscalls.moveMount(tree, '', AT.FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH);
  syscalls.mountSetattr(AT.FDCWD, target, 0, { set: MOUNT_ATTR.RDONLY });
  expect(() => writeFileSync(join(target, 'x'), '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
  const copy = syscalls.openTree(AT.FDCWD, target, OPEN_TREE.CLONE);
  for (const fd of [fs, tree, copy]) syscalls.close(fd);
});

test('openat2 keeps to its root', () => {
  mkdirSync(join(dir, 'root/etc'), { recursive: true });
  writeFileSync(join(dir, 'root/etc/passwd'), 'inside');
  symlinkSync('/etc', join(dir, 'root/link'));
  const handle = syscalls.openat(AT.FDCWD, join(dir, 'root'), O.PATH | O.DIRECTORY);
  const fd = syscalls.openat2(handle, 'link/passwd', { flags: O.RDONLY, resolve: RESOLVE.IN_ROOT });
  expect(readFileSync(fd, 'utf8')).toBe('inside');
  expect(() => syscalls.openat2(handle, 'link/passwd', { flags: O.RDONLY, resolve: RESOLVE.BENEATH })).toThrow(
    expect.objectContaining({ code: 'EXDEV' }),
  );
  expect(() => syscalls.openat2(handle, 'link/passwd', { flags: O.RDONLY, resolve: RESOLVE.NO_SYMLINKS })).toThrow(
    expect.objectContaining({ code: 'ELOOP' }),
  );
  closeSync(fd);
  closeSync(handle);
});

asRoot('files below a descriptor', () => {
  const handle = syscalls.openat(AT.FDCWD, dir, O.PATH | O.DIRECTORY);
  syscalls.mknodat(handle, 'null', S.IFCHR | 0o666, { major: 1, minor: 3 });
  syscalls.mkdirat(handle, 'd', 0o700);
  syscalls.symlinkat('d', handle, 'l');
  syscalls.fchownat(handle, 'l', 1234, 4321, AT.SYMLINK_NOFOLLOW);
  syscalls.fchmodat(handle, 'd', 0o755);
  syscalls.linkat(handle, 'null', handle, 'null2', 0);
  expect(syscalls.readlinkat(handle, 'l')).toBe('d');
  expect(syscalls.statx(handle, 'null2', 0)).toMatchObject({ rdev: { major: 1, minor: 3 }, nlink: 2 });
  expect(syscalls.statx(handle, 'l', AT.SYMLINK_NOFOLLOW)).toMatchObject({ uid: 1234, gid: 4321 });
  expect(syscalls.statx(handle, 'd', 0).mode & 0o7777).toBe(0o755);
  syscalls.renameat2(handle, 'd', handle, 'e', 0);
  syscalls.unlinkat(handle, 'e', AT.REMOVEDIR);
  expect(() => syscalls.statx(handle, 'e', 0)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  closeSync(handle);
});

asRoot('extended attributes, also of symlinks', () => {
  const link = join(dir, 'l');
  symlinkSync('nowhere', link);
  expect(syscalls.lgetxattr(link, 'trusted.x')).toBeUndefined();
  syscalls.lsetxattr(link, 'trusted.x', Buffer.from([0, 1, 255]));
  expect(syscalls.lgetxattr(link, 'trusted.x')).toEqual(Buffer.from([0, 1, 255]));
  expect(syscalls.llistxattr(link)).toContain('trusted.x');
  syscalls.lremovexattr(link, 'trusted.x');
  expect(syscalls.lgetxattr(link, 'trusted.x')).toBeUndefined();
});

test('descriptors: memfd, pipe, flags, locks', () => {
  const memfd = syscalls.memfdCreate('m', 0);
  writeSync(memfd, 'hello');
  expect(fstatSync(memfd).size).toBe(5);
  expect(syscalls.fcntl(memfd, 1, 0)).toBe(1); // close on exec
  const other = syscalls.openat(AT.FDCWD, `/proc/self/fd/${memfd}`, O.RDONLY);
  syscalls.flock(memfd, LOCK.EX | LOCK.NB);
  expect(() => syscalls.flock(other, LOCK.EX | LOCK.NB)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  const [read, write] = syscalls.pipe2(0);
  const again = syscalls.dup(write);
  writeSync(again, 'x');
  expect(fstatSync(read).isFIFO()).toBe(true);
  for (const fd of [memfd, other, read, write, again]) syscalls.close(fd);
  expect(() => syscalls.close(memfd)).toThrow(expect.objectContaining({ code: 'EBADF' }));
});

test('processes by descriptor, and their limits', () => {
  const pidfd = syscalls.pidfdOpen(process.pid);
  syscalls.pidfdSendSignal(pidfd, 0);
  syscalls.close(pidfd);
  expect(() => syscalls.pidfdOpen(0x3fffffff)).toThrow(SyscallError);
  const limit = syscalls.prlimit(0, RLIMIT.NOFILE);
  expect(syscalls.prlimit(0, RLIMIT.NOFILE, limit)).toEqual(limit);
});

test('descriptors cross a socket', () => {
  const [a, b] = syscalls.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const memfd = syscalls.memfdCreate('sent', 0);
  writeSync(memfd, 'content');
  expect(syscalls.sendWithFds(a, Buffer.from('hi'), [memfd, a], 0)).toBe(2);
  const into = Buffer.alloc(16);
  const got = syscalls.recvWithFds(b, into, 0);
  expect(into.toString('utf8', 0, got.bytes)).toBe('hi');
  expect(got.fds).toHaveLength(2);
  expect(fstatSync(got.fds[0] ?? -1).size).toBe(7);
  for (const fd of [a, b, memfd, ...got.fds]) syscalls.close(fd);
});

test('datagrams reach a path and an abstract name', () => {
  for (const name of [join(dir, 'd.sock'), `@gantry-test-${process.pid}`]) {
    const fd = syscalls.socket(AF.UNIX, SOCK.DGRAM, 0);
    syscalls.bind(fd, unixAddress(name));
    sendDatagram(name, Buffer.from('READY=1'));
    const into = Buffer.alloc(64);
    expect(into.toString('utf8', 0, syscalls.recv(fd, into, MSG.DONTWAIT))).toBe('READY=1');
    syscalls.close(fd);
  }
  expect(() => unixAddress('x'.repeat(108))).toThrow(/longer than 107/);
});

asRoot('sockets open in another network namespace, and the thread comes home', () => {
  const before = readFileSync('/proc/thread-self/net/dev', 'utf8');
  const target = join(dir, 'ns');
  writeFileSync(target, '');
  // a namespace of its own, kept by a bind mount: made in this thread and left at once
  const home = syscalls.openat(AT.FDCWD, '/proc/thread-self/ns/net', O.RDONLY);
  syscalls.unshare(0x40000000);
  try {
    syscalls.mount('/proc/thread-self/ns/net', target, null, MS.BIND, null);
  } finally {
    syscalls.setns(home, 0x40000000);
    syscalls.close(home);
  }
  const [inside, socket] = inNetworkNamespace(
    target,
    () => [readFileSync('/proc/thread-self/net/dev', 'utf8'), syscalls.socket(AF.NETLINK, SOCK.RAW, 0)] as const,
  );
  expect(inside.trim().split('\n')).toHaveLength(3); // two lines of header and lo
  expect(readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').length).toBe(before.split('\n').length);
  syscalls.bind(socket, netlinkAddress());
  syscalls.close(socket);
  expect(() =>
    inNetworkNamespace(target, () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  syscalls.umount2(target, 0);
});

test('addresses are told as they are asked for', () => {
  expect(['127.0.0.1', '0.0.0.0', '::', '2001:db8::1'].map((host) => addressText(inetAddress(host, 2375)))).toEqual([
    '127.0.0.1:2375',
    '0.0.0.0:2375',
    '[::]:2375',
    '[2001:db8::1]:2375',
  ]);
  expect(['/run/x.sock', '@abstract'].map((path) => addressText(unixAddress(path)))).toEqual(['/run/x.sock', '@abstract']);
});

test('device numbers', () => {
  expect(makedev(1, 3)).toBe(0x103n);
  expect(makedev(8, 300)).toBe(0x10082cn);
  expect(makedev(0x12345, 0x6789a)).toBe(0x1200_0678_3459an);
});

test('this host has cgroups or says none', () => {
  const cgroups = detectCgroups();
  expect(['v1', 'hybrid', 'v2', 'none']).toContain(cgroups.mode);
  for (const { path, own } of cgroups.hierarchies) expect([path.startsWith('/'), own.startsWith('/')]).toEqual([true, true]);
});

test('codes are told apart', () => {
  try {
    syscalls.close(-1);
  } catch (error) {
    expect(hasCode(error, 'ENOENT')).toBe(false);
    expect(hasCode(error, 'ENOENT', 'EBADF')).toBe(true);
  }
});
