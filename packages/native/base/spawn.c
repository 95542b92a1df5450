#define _GNU_SOURCE
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int place(int fd, int at) {
	if (fd < 0) {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0) return -1;
	}
	if (fd == at) return fcntl(fd, F_SETFD, 0);
	return dup2(fd, at);
}

static void hide_mount(const char *path) {
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 || umount2(path, MNT_DETACH) < 0) {
		dprintf(2, "cannot hide %s: %s\n", path, strerror(errno));
		_exit(126);
	}
}

pid_t spawn_program(char **argv, const int wanted[3], const char *hide, const char *directory) {
	pid_t pid = fork();
	if (pid != 0) return pid;
	if (hide && *hide) hide_mount(hide);
	// Copies above the standard ones first, so that no dup2 overwrites a source.
	int fds[3] = {wanted[0], wanted[1], wanted[2]};
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && fds[i] < 3) fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		if (place(fds[i], i) < 0) _exit(126);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
	if (directory && chdir(directory) < 0) {
		dprintf(2, "chdir %s: %s\n", directory, strerror(errno));
		_exit(126);
	}
	execv(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}
