/* calls.h - system calls that libc does not wrap. */
#ifndef GANTRY_CALLS_H
#define GANTRY_CALLS_H

#include <stdint.h>
#include <sys/types.h>

int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dir, const char *path, unsigned flags);
int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int sys_mount_setattr(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t userns);
int sys_fsopen(const char *type, unsigned flags);
int sys_fsconfig(int fd, unsigned command, const char *key, const void *value, int aux);
int sys_fsmount(int fd, unsigned flags, unsigned attributes);
int sys_pidfd_open(pid_t pid);
int sys_close_range(unsigned first, unsigned last, unsigned flags);

#endif
