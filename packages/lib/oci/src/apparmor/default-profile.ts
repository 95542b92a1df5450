/** The name by which dockerd's users know the profile of containers that ask for none. */
export const DEFAULT_PROFILE = 'docker-default';

/**
 * What a container may do besides its capabilities: all that its own files, sockets and processes are about; nothing to the host's kernel by its file
 * systems, no mounts, no signals to processes under other profiles. Written without the host's include files, which it may not have.
 */
export const DEFAULT_PROFILE_TEXT = `profile ${DEFAULT_PROFILE} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  deny mount,

  signal (receive) peer=unconfined,
  signal (send, receive) peer=${DEFAULT_PROFILE},
  ptrace (trace, read, tracedby, readby) peer=${DEFAULT_PROFILE},

  # /proc: only what is a process's own is written, and of the host's values those of System V's memory, messages and semaphores.
  deny /proc/* w,
  deny /proc/{acpi,asound,bus,driver,fs,irq,scsi,tty}/** wklx,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/k[^e]** w,
  deny /proc/sys/kernel/[^ms]** w,
  deny /proc/sys/kernel/m[^s]** w,
  deny /proc/sys/kernel/s[^eh]** w,
  deny /proc/sys/kernel/se[^m]** w,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,

  # /sys: only the cgroup file systems are written.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,
}
`;
