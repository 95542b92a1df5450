/* The cloned process: joins what exists, runs the plan's operations (operations.c) in their order, ends in execve. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "init/child.h"

void reset_signals(void) {
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int s = 1; s < 65; s++)
		if (s != SIGKILL && s != SIGSTOP) sigaction(s, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_streams(struct child *c) {
	const int given[3] = {c->io->in, c->io->out, c->io->err};
	int high[3];

	if (c->io->terminal) return;
	for (int i = 0; i < 3; i++) {
		int fd = given[i] >= 0 ? given[i] : open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, 64 + (int)c->plan->preserve);
		if (high[i] < 0) child_fail(c, errno, "take stream %d", i);
		if (given[i] < 0) close(fd);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(high[i], i) < 0) child_fail(c, errno, "take stream %d", i);
		close(high[i]);
	}
}

static void join(struct child *c) {
	uint64_t flags = c->target_flags & ~(uint64_t)CLONE_NEWPID, user = flags & CLONE_NEWUSER;

	for (int i = 0; i < c->tasks_count; i++)
		if (write(c->tasks[i], "0", 1) != 1) child_fail(c, errno, "enter the cgroup");
	for (int i = 0; i < c->late_count && !c->joined_user; i++)
		if (setns(c->late[i].fd, (int)c->late[i].flags)) child_fail(c, errno, "join a namespace by its path");
	if (c->target >= 0) {
		flags &= ~user;
		if (flags && setns(c->target, (int)flags)) child_fail(c, errno, "join the container's namespaces");
		if (user && setns(c->target, (int)user)) child_fail(c, errno, "join the container's user namespace");
		c->in_root = true;
	}
	if (c->new_user) {
		syscall(SYS_setgroups, 0, NULL); /* may be denied there; USER decides */
		if (syscall(SYS_setresgid, 0, 0, 0) || syscall(SYS_setresuid, 0, 0, 0)) child_fail(c, errno, "become root of the user namespace");
	}
}

static void open_null(struct child *c) {
	struct stat st;

	c->null_host = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (c->null_host < 0 || fstat(c->null_host, &st) || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		child_die(c, LAUNCH_INTERNAL, 0, "/dev/null of the host is not the null device");
}

/* Nothing of the host stays open once the process becomes somebody: only streams, preserved ones, sync, root, listener, agent. */
static void settle(struct child *c) {
	unsigned base = 3 + c->plan->preserve;
	int keep[4] = {c->sync, c->root, c->listener, c->agent}, high[4];

	for (int i = 0; i < 4; i++) {
		high[i] = keep[i] < 0 ? -1 : fcntl(keep[i], F_DUPFD_CLOEXEC, (int)base + 4);
		if (keep[i] >= 0 && high[i] < 0) child_fail(c, errno, "move a descriptor");
	}
	c->sync = high[0];
	for (unsigned i = 0; i < 4; i++) {
		if (high[i] < 0) close((int)(base + i));
		else if (dup3(high[i], (int)(base + i), O_CLOEXEC) < 0) child_fail(c, errno, "move a descriptor");
	}
	c->sync = (int)base;
	c->root = (int)base + 1;
	c->listener = keep[2] < 0 ? -1 : (int)base + 2;
	c->agent = keep[3] < 0 ? -1 : (int)base + 3;
	c->proc = c->host_proc = c->null_host = c->mask_dir = c->target = -1;
	if (sys_close_range(base + 4, ~0u, 0)) child_fail(c, errno, "close descriptors");
}

void child_main(struct child *c) {
	struct plan_cursor cursor;
	struct plan_op op;
	bool settled = false;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gantry-init");
	if (!(c->plan->clone_flags & CLONE_NEWUSER)) prctl(PR_SET_DUMPABLE, 0);
	reset_signals();
	take_streams(c);
	child_await(c, SYNC_GO);
	join(c);
	if (c->plan->kind == PLAN_CREATE) open_null(c);
	if (c->plan->kind == PLAN_EXEC) {
		c->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c->root < 0) child_fail(c, errno, "open the container's root");
	}
	plan_rewind(c->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		if (op.code >> 8 != 3) continue;
		if (((op.code >= PLAN_NO_NEW_PRIVS && op.code <= PLAN_SECCOMP) || op.code == PLAN_EXEC_CODE) && !settled) {
			if (!c->in_root || c->root < 0) child_die(c, LAUNCH_INVALID, 0, "the plan does not enter a root");
			prctl(PR_SET_DUMPABLE, 0);
			settle(c);
			settled = true;
		}
		child_run(c, &op);
	}
	_exit(125);
}
