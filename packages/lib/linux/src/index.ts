export type { CgroupFiles, CgroupHierarchy, Cgroups } from './cgroups';
export { detectCgroups } from './cgroups';
export {
  AT,
  AF,
  CLONE,
  F,
  FD_CLOEXEC,
  FS_MAGIC,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  LOCK,
  MFD,
  MNT,
  MOUNT_ATTR,
  MOVE_MOUNT,
  MS,
  MSG,
  O,
  OPEN_TREE,
  PR,
  RENAME,
  RESOLVE,
  RLIM_INFINITY,
  RLIMIT,
  S,
  SEAL,
  SO,
  SOCK,
  SOL,
} from './constants';
export { sendDatagram } from './datagram';
export { dropAllPackets } from './drop-filter';
export { endSignals, FirstReads, signalReads } from './first-reads';
export { makedev, syscalls } from './linux-syscalls';
export { splitMountOptions } from './mount-words';
export type { MountInfo } from './mountinfo';
export { mountOf, mountPointsBelow, parseMountInfo, readMountInfo } from './mountinfo';
export type { NamespaceHandle } from './namespace';
export { inNetworkNamespace } from './namespace';
export type { ParkedSocket } from './parked-sockets';
export { ParkedSockets } from './parked-sockets';
export { addressText, inetAddress, netlinkAddress, unixAddress } from './socket-address';
export { errnoName, hasCode, SyscallError } from './syscall-error';
export type { AsyncSyscalls, Fd, FileStatus, FileTimes, FsStatus, MountAttributes, OpenHow, Rlimit, Syscalls } from './syscalls';
export type { NetlinkOptions } from './netlink';
export { NETLINK, NetlinkSocket } from './netlink';
export { onReadable } from './readable';
export { trimMalloc } from './malloc';
export type { TreeMount } from './tree-view';
export { layersOf, openMounts, openStack, withMounts } from './tree-view';
export { withWritableMounts } from './writable-tree';
