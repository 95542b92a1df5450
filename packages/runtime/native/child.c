/* The cloned process: joins what exists, runs the plan's operations in their order, ends in execve. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"

enum launch_kind kind_of_errno(int err) {
	switch (err) {
	case ENOENT:
	case ENOTDIR: return LAUNCH_NOT_FOUND;
	case EACCES:
	case EPERM: return LAUNCH_PERMISSION;
	case EINVAL:
	case ELOOP:
	case ENAMETOOLONG: return LAUNCH_INVALID;
	default: return LAUNCH_INTERNAL;
	}
}

static const char *lower_error(int err) {
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(err));
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') text[0] = (char)(text[0] + 32);
	return text;
}

__attribute__((noreturn)) static void report(struct child *c, enum launch_kind kind, int err, const char *format, va_list args) {
	char message[1024] = {SYNC_ERROR, (char)kind};
	int32_t number = err;
	int at = 6, n;

	memcpy(message + 2, &number, 4);
	n = vsnprintf(message + at, sizeof(message) - (size_t)at - 140, format, args);
	at += n < 0 ? 0 : n > 870 ? 870 : n;
	if (err) at += snprintf(message + at, sizeof(message) - (size_t)at, ": %s", lower_error(err));
	if (c->sync >= 0 && write(c->sync, message, (size_t)at) < 0) _exit(125);
	_exit(kind == LAUNCH_NOT_FOUND ? 127 : kind == LAUNCH_PERMISSION ? 126 : 125);
}

void child_die(struct child *c, enum launch_kind kind, int err, const char *format, ...) {
	va_list args;

	va_start(args, format);
	report(c, kind, err, format, args);
}

/* A step of the set-up that fails is never "command not found": only the search for the program says so. */
void child_fail(struct child *c, int err, const char *format, ...) {
	enum launch_kind kind = kind_of_errno(err);
	va_list args;

	va_start(args, format);
	report(c, kind == LAUNCH_INVALID ? kind : LAUNCH_INTERNAL, err, format, args);
}

void child_send(struct child *c, const void *data, size_t n, int fd) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)data, n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *head;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(int));
	}
	if (sendmsg(c->sync, &message, MSG_NOSIGNAL) < 0) _exit(125);
}

void child_await(struct child *c, char letter) {
	char message[8];
	ssize_t n;

	do n = read(c->sync, message, sizeof(message));
	while (n < 0 && errno == EINTR);
	if (n < 1 || message[0] != letter) _exit(125); /* whoever launched us is gone */
	if (letter == SYNC_GO && n >= 5) memcpy(&c->self, message + 1, 4);
}

int child_receive(struct child *c, char letter) {
	char message[8], control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {message, sizeof(message)};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *given;
	int fd = -1;
	ssize_t n;

	do n = recvmsg(c->sync, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	given = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	if (n < 1 || message[0] != letter || !given || given->cmsg_type != SCM_RIGHTS)
		_exit(125); /* whoever launched us is gone, or has no tree for us: it knows why */
	memcpy(&fd, CMSG_DATA(given), sizeof(int));
	return fd;
}

/* Start comes over the hand-shake, or (detached) from the first that connects to the listener. */
void child_wait_start(struct child *c) {
	if (c->listener >= 0) {
		int peer;

		close(c->sync);
		c->sync = -1;
		do peer = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
		while (peer < 0 && (errno == EINTR || errno == ECONNABORTED));
		if (peer < 0) _exit(125);
		close(c->listener);
		c->sync = peer;
	}
	child_await(c, SYNC_START);
}

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

static void bring_loopback_up(struct child *c) {
	struct ifreq request = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0 || ioctl(s, SIOCGIFFLAGS, &request)) child_fail(c, errno, "look at lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &request)) child_fail(c, errno, "bring lo up");
	close(s);
}

static void new_time(struct child *c, const char *offsets) {
	int fd;

	if (unshare(CLONE_NEWTIME)) child_fail(c, errno, "make a time namespace");
	if (!offsets[0]) return;
	fd = proc_open(c, "self/timens_offsets", O_WRONLY);
	if (fd < 0 || write(fd, offsets, strlen(offsets)) < 0) child_fail(c, errno, "set the time namespace's offsets");
	close(fd);
}

static void set_scheduler(struct child *c, struct plan_op *op) {
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {.size = 48,
	    .policy = (uint32_t)op->f[0].n,
	    .flags = op->f[1].n,
	    .nice = (int32_t)op->f[2].n,
	    .priority = (uint32_t)op->f[3].n,
	    .runtime = op->f[4].n,
	    .deadline = op->f[5].n,
	    .period = op->f[6].n};

	if (syscall(SYS_sched_setattr, 0, &attr, 0)) child_fail(c, errno, "set the scheduler");
}

static void set_memory_policy(struct child *c, struct plan_op *op) {
	unsigned long nodes[16] = {0};

	if (op->f[1].n > sizeof(nodes)) child_die(c, LAUNCH_INVALID, 0, "the memory policy names a node above %zu", sizeof(nodes) * 8 - 1);
	memcpy(nodes, op->f[1].bytes, op->f[1].n);
	if (syscall(SYS_set_mempolicy, (int)op->f[0].n, op->f[1].n ? nodes : NULL, op->f[1].n ? sizeof(nodes) * 8 : 0))
		child_fail(c, errno, "set the memory policy");
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

static void hook(struct child *c, struct plan_op *op) {
	char reason[600], ask[5] = {SYNC_HOOK};

	switch (op->f[0].n) {
	case PLAN_HOOK_RUNTIME:
		memcpy(ask + 1, &op->index, 4);
		child_send(c, ask, sizeof(ask), -1);
		child_await(c, SYNC_GO);
		return;
	case PLAN_HOOK_CONTAINER:
		if (fchdir(c->root)) /* where its relative paths begin */
			child_fail(c, errno, "enter the rootfs");
		if (run_hook(op, c->self, NULL, reason, sizeof(reason))) child_die(c, LAUNCH_INTERNAL, 0, "%s", reason);
		return;
	default: c->start_hook_count++;
	}
}

static void run(struct child *c, struct plan_op *op) {
	switch (op->code) {
	case PLAN_DIRECTORY: {
		int made = root_make(c, op->f[0].s, RESOLVE_MAKE_DIR);

		if (made >= 0) close(made);
		return;
	}
	case PLAN_UNSHARE:
		if (unshare((int)op->f[0].n)) child_fail(c, errno, "unshare namespaces 0x%llx", (unsigned long long)op->f[0].n);
		return;
	case PLAN_TIME_OFFSETS: new_time(c, op->f[0].s); return;
	case PLAN_SESSION:
		if (setsid() < 0) child_fail(c, errno, "setsid");
		return;
	case PLAN_KEYRING:
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->f[0].s) < 0 && errno != ENOSYS)
			child_fail(c, errno, "make the session keyring \"%s\"", op->f[0].s);
		return;
	case PLAN_HOSTNAME:
		if (sethostname(op->f[0].s, op->f[0].n)) child_fail(c, errno, "set the hostname \"%s\"", op->f[0].s);
		return;
	case PLAN_DOMAINNAME:
		if (setdomainname(op->f[0].s, op->f[0].n)) child_fail(c, errno, "set the domainname \"%s\"", op->f[0].s);
		return;
	case PLAN_LOOPBACK: bring_loopback_up(c); return;
	case PLAN_PROPAGATION:
		if (mount(NULL, "/", NULL, (unsigned long)op->f[0].n, NULL)) child_fail(c, errno, "set the propagation of /");
		return;
	case PLAN_ROOTFS: do_rootfs(c, op); return;
	case PLAN_MOUNT: do_mount(c, op); return;
	case PLAN_BIND: do_bind(c, op); return;
	case PLAN_SYMLINK: do_symlink(c, op); return;
	case PLAN_DEVICE: do_device(c, op); return;
	case PLAN_CONSOLE: do_console(c, op->f[0].n != 0); return;
	case PLAN_MASK: do_mask(c, op->f[0].s); return;
	case PLAN_READONLY: do_readonly(c, op->f[0].s); return;
	case PLAN_SYSCTL: do_sysctl(c, op); return;
	case PLAN_ROOT_ATTR: do_root_attr(c, op); return;
	case PLAN_ATTR: do_attr(c, op); return;
	case PLAN_REMOUNT: do_remount(c, op); return;
	case PLAN_AFFINITY_FINAL:
		if (set_affinity(op->f[0].bytes, op->f[0].n) && op->f[0].n) child_fail(c, errno, "set the processors of the process");
		return;
	case PLAN_MEMPOLICY: set_memory_policy(c, op); return;
	case PLAN_PIVOT: do_pivot(c, op->f[0].n != 0); return;
	case PLAN_APPARMOR: write_attr(c, "self/attr/apparmor/exec", op->f[0].s); return;
	case PLAN_SELINUX: write_attr(c, "self/attr/exec", op->f[0].s); return;
	case PLAN_PERSONALITY:
		if (personality((unsigned long)op->f[0].n) < 0) child_fail(c, errno, "set the personality");
		return;
	case PLAN_SCHEDULER: set_scheduler(c, op); return;
	case PLAN_IO_PRIORITY:
		if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)op->f[0].n)) child_fail(c, errno, "set the i/o priority");
		return;
	case PLAN_HOOK: hook(c, op); return;
	case PLAN_NO_NEW_PRIVS: c->no_new_privs = true; return;
	case PLAN_CAPS: do_caps(c, op); return;
	case PLAN_USER: do_user(c, op); return;
	case PLAN_CWD: enter_cwd(c, op->f[0].s, false); return;
	case PLAN_SECCOMP:
		c->seccomp_set = true;
		c->seccomp_flags = (uint32_t)op->f[0].n;
		c->seccomp = op->f[1].bytes;
		c->seccomp_bytes = op->f[1].n;
		return;
	case PLAN_EXEC_CODE: do_exec(c, op);
	default: child_die(c, LAUNCH_INVALID, 0, "operation %s cannot run here", plan_name(op->code));
	}
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
		run(c, &op);
	}
	_exit(125);
}
