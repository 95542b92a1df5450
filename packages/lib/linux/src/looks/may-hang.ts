/** File systems of this kernel and its disks. Any other may have a server, which may be gone. */
const LOCAL = new Set(
  'autofs bcachefs binder binfmt_misc bpf btrfs cgroup cgroup2 configfs cpuset debugfs devpts devtmpfs efivarfs erofs exfat ext2 ext3 ext4 f2fs fusectl hugetlbfs iso9660 jfs mqueue msdos nsfs ntfs3 overlay proc pstore ramfs reiserfs rootfs rpc_pipefs securityfs selinuxfs squashfs sysfs tmpfs tracefs udf vfat xfs zfs'.split(
    ' ',
  ),
);

/**
 * Whether a look at a path may wait for a server (FUSE, NFS, …) by what is mounted: text of /proc/<pid>/mountinfo. Without such a file system
 * no path leads to one, whatever links it goes over. autofs counts where something else than systemd's own is mounted by it.
 */
export function mayHang(mountinfo: string): boolean {
  return mountinfo.split('\n').some((line) => {
    const dash = line.indexOf(' - ');
    if (dash < 0) return false;
    const [type = ''] = line.slice(dash + 3).split(' ', 1);
    if (type !== 'autofs') return !LOCAL.has(type);
    return !(line.split(' ', 5)[4] ?? '').startsWith('/proc/');
  });
}
