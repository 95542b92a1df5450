/* Id-mapped mounts: a user namespace that exists only to carry a map. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/idmap.h"
#include "init/child.h"

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

int make_namespace(const char *uids, const char *gids) {
	char path[64];
	int gate[2], fd = -1, err;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC)) return -1;
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		char end;

		close(gate[1]);
		_exit(read(gate[0], &end, 1) < 0);
	}
	err = errno;
	close(gate[0]);
	if (pid > 0) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		if (write_file(path, uids) == 0) {
			snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
			if (write_file(path, gids) == 0) {
				snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
				fd = open(path, O_RDONLY | O_CLOEXEC);
			}
		}
		err = errno;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(gate[1]);
	errno = err;
	return fd;
}

int open_map(const struct plan_op *bind) {
	return *bind->f[11].s ? open(bind->f[11].s, O_RDONLY | O_CLOEXEC) : make_namespace(bind->f[9].s, bind->f[10].s);
}

int map_ids(int tree, bool recursive, int space) {
	return sys_mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), MOUNT_ATTR_IDMAP, 0, 0, (uint64_t)space);
}
