#define _GNU_SOURCE
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/calls.h"

#ifndef __NR_mount_setattr
#define __NR_mount_setattr 442
#endif

struct attr {
	uint64_t set, clear, propagation, userns;
};

int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

	return (int)syscall(__NR_openat2, dir, path, &how, sizeof(how));
}

int sys_open_tree(int dir, const char *path, unsigned flags) { return (int)syscall(__NR_open_tree, dir, path, flags); }

int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
	return (int)syscall(__NR_move_mount, from, from_path, to, to_path, flags);
}

int sys_mount_setattr(int fd, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t userns) {
	struct attr attr = {set, clear, propagation, userns};

	return (int)syscall(__NR_mount_setattr, fd, path, flags, &attr, sizeof(attr));
}

int sys_fsopen(const char *type, unsigned flags) { return (int)syscall(__NR_fsopen, type, flags); }

int sys_fsconfig(int fd, unsigned command, const char *key, const void *value, int aux) {
	return (int)syscall(__NR_fsconfig, fd, command, key, value, aux);
}

int sys_fsmount(int fd, unsigned flags, unsigned attributes) { return (int)syscall(__NR_fsmount, fd, flags, attributes); }

int sys_pidfd_open(pid_t pid) { return (int)syscall(__NR_pidfd_open, pid, 0); }

int sys_close_range(unsigned first, unsigned last, unsigned flags) { return (int)syscall(__NR_close_range, first, last, flags); }
