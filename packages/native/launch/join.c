/* Namespaces that exist already: which are entered by whom, and the clone in between. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/setup.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#define PARENT_JOINS ((uint64_t)(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID))

struct arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static unsigned long long start_time(pid_t pid) {
	char path[64], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strrchr(text, ')');
	for (int i = 0; at && i < 20; i++) at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* The flags whose namespaces are not ours already. */
static uint64_t that_differ(pid_t pid, uint64_t flags) {
	static const struct {
		uint64_t flag;
		const char *name;
	} kinds[] = {
	    {CLONE_NEWNS, "mnt"},
	    {CLONE_NEWPID, "pid"},
	    {CLONE_NEWUTS, "uts"},
	    {CLONE_NEWIPC, "ipc"},
	    {CLONE_NEWNET, "net"},
	    {CLONE_NEWUSER, "user"},
	    {CLONE_NEWCGROUP, "cgroup"},
	    {CLONE_NEWTIME, "time"},
	};
	uint64_t result = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct stat a, b;
		char mine[64], theirs[64];

		if (!(flags & kinds[i].flag)) continue;
		snprintf(mine, sizeof(mine), "/proc/self/ns/%s", kinds[i].name);
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", pid, kinds[i].name);
		if (stat(mine, &a) || stat(theirs, &b) || (a.st_dev == b.st_dev && a.st_ino == b.st_ino)) continue;
		result |= kinds[i].flag;
	}
	return result;
}

static int add_join(struct setup *s, uint64_t flag, int theirs) {
	const char *name = flag == CLONE_NEWNET   ? "/proc/self/ns/net"
	                   : flag == CLONE_NEWIPC ? "/proc/self/ns/ipc"
	                   : flag == CLONE_NEWUTS ? "/proc/self/ns/uts"
	                                          : "/proc/self/ns/pid";
	int i = s->joins_count;

	if (i == 8) {
		if (theirs != s->child.target) close(theirs);
		return launch_failed(s->error, LAUNCH_INVALID, 0, "too many namespaces to join");
	}
	s->joins[i].flag = flag;
	s->joins[i].theirs = theirs;
	s->joins[i].mine = open(name, O_RDONLY | O_CLOEXEC);
	s->joins_count++;
	return s->joins[i].mine < 0 ? launch_failed(s->error, LAUNCH_INTERNAL, errno, "open %s", name) : 0;
}

int open_target(struct setup *s, struct plan_op *op) {
	pid_t pid = (pid_t)op->f[0].n;
	uint64_t flags;

	s->child.target = sys_pidfd_open(pid);
	if (s->child.target < 0) return launch_failed(s->error, LAUNCH_INTERNAL, errno, "open the container's init %d", pid);
	if (op->f[1].n != start_time(pid)) return launch_failed(s->error, LAUNCH_INTERNAL, ESRCH, "the container's init %d", pid);
	flags = that_differ(pid, op->f[2].n);
	s->child.target_flags = flags;
	s->child.target_pid = pid;
	s->child.new_user = flags & CLONE_NEWUSER;
	s->target_pid = pid;
	/* Without the right to join the pid namespace here, the clone happens inside the container's user namespace. */
	if ((flags & CLONE_NEWUSER) && geteuid() != 0) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		s->user = open(path, O_RDONLY | O_CLOEXEC);
		if (s->user < 0) return launch_failed(s->error, LAUNCH_PERMISSION, errno, "open %s", path);
		s->child.target_flags &= ~(uint64_t)CLONE_NEWUSER;
		s->child.joined_user = true;
	}
	return flags & CLONE_NEWPID ? add_join(s, CLONE_NEWPID, s->child.target) : 0;
}

int join_path(struct setup *s, struct plan_op *op) {
	int fd = open(op->f[1].s, O_RDONLY | O_CLOEXEC);

	if (fd < 0) return launch_failed(s->error, LAUNCH_INVALID, errno, "open namespace \"%s\"", op->f[1].s);
	if (op->f[0].n == CLONE_NEWUSER) {
		close_fd(&s->user);
		s->user = fd;
		s->child.new_user = s->child.joined_user = true;
		return 0;
	}
	if (op->f[0].n & PARENT_JOINS) return add_join(s, op->f[0].n, fd);
	if (s->child.late_count == 8) {
		close(fd);
		return launch_failed(s->error, LAUNCH_INVALID, 0, "too many namespaces to join");
	}
	if (op->f[0].n == CLONE_NEWNS) s->child.at_home = true;
	s->child.late[s->child.late_count].fd = fd;
	s->child.late[s->child.late_count++].flags = op->f[0].n;
	return 0;
}

static pid_t clone_once(struct setup *s, int *pidfd, uint64_t more) {
	struct arguments a = {.flags = s->plan.clone_flags | CLONE_PIDFD | more,
	    .pidfd = (uint64_t)(uintptr_t)pidfd,
	    .exit_signal = more & CLONE_PARENT ? 0 : SIGCHLD};
	pid_t pid;

	if (s->cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)s->cgroup;
	}
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid < 0 && errno == EBUSY && s->cgroup >= 0 && s->target_pid) {
		use_cgroup_of_target(s);
		a.cgroup = (uint64_t)s->cgroup;
		pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	}
	return pid;
}

/* In the process between: everything is joined, the user namespace last or (without rights of our own) first. */
static int join_everything(struct setup *s) {
	bool user_first = geteuid() != 0;

	if (user_first && setns(s->user, CLONE_NEWUSER)) return -1;
	for (int i = 0; i < s->child.late_count; i++)
		if (setns(s->child.late[i].fd, (int)s->child.late[i].flags)) return -1;
	for (int i = 0; i < s->joins_count; i++)
		if (setns(s->joins[i].theirs, (int)s->joins[i].flag)) return -1;
	return user_first ? 0 : setns(s->user, CLONE_NEWUSER);
}

/*
 * There is no way home out of a user namespace: a process between joins and clones with CLONE_PARENT, so that the child is ours, and ends.
 * It tells the child's pid, or minus its errno, through a pipe.
 */
static pid_t clone_between(struct setup *s, int *pidfd) {
	int answer[2], status;
	int32_t told = -EIO;
	pid_t between;

	if (pipe2(answer, O_CLOEXEC)) return -1;
	between = fork();
	if (between == 0) {
		pid_t pid;

		close(answer[0]);
		if (join_everything(s)) pid = -1;
		else pid = clone_once(s, pidfd, CLONE_PARENT);
		if (pid == 0) {
			close(answer[1]);
			return 0;
		}
		told = pid < 0 ? -errno : pid;
		_exit(write(answer[1], &told, sizeof(told)) != sizeof(told));
	}
	close(answer[1]);
	if (between > 0) {
		if (read(answer[0], &told, sizeof(told)) != sizeof(told)) told = -EIO;
		while (waitpid(between, &status, 0) < 0 && errno == EINTR)
			;
	} else {
		told = -errno;
	}
	close(answer[0]);
	if (told < 0) {
		errno = -told;
		return -1;
	}
	/* Our child, not reaped yet: the number is its own. */
	*pidfd = sys_pidfd_open(told);
	return told;
}

/* Joins for the child's sake, clones, and goes home again. */
static pid_t clone_at_home(struct setup *s, int *pidfd) {
	pid_t pid = -1;
	int joined = 0, err = 0;

	for (; joined < s->joins_count; joined++)
		if (setns(s->joins[joined].theirs, (int)s->joins[joined].flag)) {
			err = errno;
			break;
		}
	if (!err) {
		pid = clone_once(s, pidfd, 0);
		err = errno;
	}
	if (pid == 0) return 0;
	while (joined-- > 0)
		if (setns(s->joins[joined].mine, (int)s->joins[joined].flag))
			abort(); /* going on in a container's namespace would be worse than dying */
	errno = err;
	return pid;
}

pid_t clone_child(struct setup *s, int *pidfd) {
	uint8_t before[1024];
	pid_t pid;
	int err;

	if (s->has_affinity && (get_affinity(before, sizeof(before)) || set_affinity(s->affinity, s->affinity_bytes))) return -1;
	pid = s->user >= 0 ? clone_between(s, pidfd) : clone_at_home(s, pidfd);
	if (pid == 0) return 0;
	err = errno;
	if (s->has_affinity && set_affinity(before, sizeof(before)) && errno != EINVAL)
		abort(); /* the monitor must not stay on the processors of its container */
	errno = err;
	return pid;
}

void close_joins(struct setup *s) {
	for (int i = 0; i < s->joins_count; i++) {
		close_fd(&s->joins[i].mine);
		if (s->joins[i].theirs != s->child.target) close_fd(&s->joins[i].theirs);
	}
	for (int i = 0; i < s->child.late_count; i++) close(s->child.late[i].fd);
	close_fd(&s->user);
	close_fd(&s->child.target);
}
