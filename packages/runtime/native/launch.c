/* The parent's half of a launch: clone, maps, limits, hand-shake. The child's half begins in child.c. */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "launch_detached.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#define ALLOWED_FLAGS                                                                                              \
	((uint64_t)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER))
#define PARENT_JOINS ((uint64_t)(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID))

struct arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* What the parent holds while a launch is under way. */
struct setup {
	struct plan plan;
	struct child child;
	int cgroup; /* v2 directory or -1 */
	char cgroup_mount[512];
	struct { int mine, theirs; uint64_t flag; } joins[8];
	int joins_count;
	pid_t target_pid;
	struct launch_error *error;
};

const char *launch_kind_name(enum launch_kind kind)
{
	static const char *const names[] = { "internal", "not_found", "permission", "invalid" };

	return (unsigned)kind < 4 ? names[kind] : names[0];
}

__attribute__((format(printf, 4, 5))) static int failed(struct launch_error *error, enum launch_kind kind, int err,
							  const char *format, ...)
{
	va_list args;
	int n;

	error->kind = kind;
	error->err = err;
	va_start(args, format);
	n = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (err && n >= 0 && (size_t)n < sizeof(error->text)) {
		char *reason = strerror(err);

		snprintf(error->text + n, sizeof(error->text) - (size_t)n, ": %c%s",
			 reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' ? reason[0] + 32 : reason[0], reason + 1);
	}
	return -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static unsigned long long start_time(pid_t pid)
{
	char path[64], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strrchr(text, ')');
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* The flags whose namespaces are not ours already. */
static uint64_t that_differ(pid_t pid, uint64_t flags)
{
	static const struct { uint64_t flag; const char *name; } kinds[] = {
		{ CLONE_NEWNS, "mnt" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWUTS, "uts" }, { CLONE_NEWIPC, "ipc" },
		{ CLONE_NEWNET, "net" }, { CLONE_NEWUSER, "user" }, { CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWTIME, "time" },
	};
	uint64_t result = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct stat a, b;
		char mine[64], theirs[64];

		if (!(flags & kinds[i].flag))
			continue;
		snprintf(mine, sizeof(mine), "/proc/self/ns/%s", kinds[i].name);
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", pid, kinds[i].name);
		if (stat(mine, &a) || stat(theirs, &b) || (a.st_dev == b.st_dev && a.st_ino == b.st_ino))
			continue;
		result |= kinds[i].flag;
	}
	return result;
}

static int add_join(struct setup *s, uint64_t flag, int theirs)
{
	const char *name = flag == CLONE_NEWNET ? "/proc/self/ns/net" : flag == CLONE_NEWIPC ? "/proc/self/ns/ipc" :
			   flag == CLONE_NEWUTS ? "/proc/self/ns/uts" : "/proc/self/ns/pid";
	int i = s->joins_count;

	if (i == 8)
		return failed(s->error, LAUNCH_INVALID, 0, "too many namespaces to join");
	s->joins[i].flag = flag;
	s->joins[i].theirs = theirs;
	s->joins[i].mine = open(name, O_RDONLY | O_CLOEXEC);
	s->joins_count++;
	return s->joins[i].mine < 0 ? failed(s->error, LAUNCH_INTERNAL, errno, "open %s", name) : 0;
}

static int open_target(struct setup *s, struct plan_op *op)
{
	pid_t pid = (pid_t)op->f[0].n;
	uint64_t flags;

	s->child.target = sys_pidfd_open(pid);
	if (s->child.target < 0)
		return failed(s->error, LAUNCH_INTERNAL, errno, "open the container's init %d", pid);
	if (op->f[1].n != start_time(pid))
		return failed(s->error, LAUNCH_INTERNAL, ESRCH, "the container's init %d", pid);
	flags = that_differ(pid, op->f[2].n);
	s->child.target_flags = flags;
	s->child.new_user = flags & CLONE_NEWUSER;
	s->target_pid = pid;
	return flags & CLONE_NEWPID ? add_join(s, CLONE_NEWPID, s->child.target) : 0;
}

static int join_path(struct setup *s, struct plan_op *op)
{
	int fd = open(op->f[1].s, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return failed(s->error, LAUNCH_INVALID, errno, "open namespace \"%s\"", op->f[1].s);
	if (op->f[0].n & PARENT_JOINS)
		return add_join(s, op->f[0].n, fd);
	if (s->child.late_count == 8)
		return failed(s->error, LAUNCH_INVALID, 0, "too many namespaces to join");
	s->child.late[s->child.late_count].fd = fd;
	s->child.late[s->child.late_count++].flags = op->f[0].n;
	return 0;
}

static int open_cgroup(struct setup *s, struct plan_op *op)
{
	if (op->code == PLAN_CGROUP_V2) {
		s->cgroup = open(op->f[0].s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(s->cgroup_mount, sizeof(s->cgroup_mount), "%s", op->f[1].s);
		return s->cgroup < 0 ? failed(s->error, LAUNCH_INTERNAL, errno, "open cgroup \"%s\"", op->f[0].s) : 0;
	}
	s->child.tasks = reallocarray(s->child.tasks, (size_t)s->child.tasks_count + 1, sizeof(int));
	if (!s->child.tasks)
		return failed(s->error, LAUNCH_INTERNAL, ENOMEM, "open cgroup");
	s->child.tasks[s->child.tasks_count] = open(op->f[0].s, O_WRONLY | O_CLOEXEC);
	if (s->child.tasks[s->child.tasks_count] < 0)
		return failed(s->error, LAUNCH_INTERNAL, errno, "open cgroup \"%s\"", op->f[0].s);
	s->child.tasks_count++;
	return 0;
}

/* cgroup v2 has no devices controller: a program at the directory decides. */
static int attach_devices(struct setup *s, struct plan_op *op)
{
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = (uint32_t)(op->f[1].n / 8),
				.license = (uint64_t)(uintptr_t)"Apache-2.0" };
	union bpf_attr attach = { .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI };
	int dir = open(op->f[0].s, O_RDONLY | O_DIRECTORY | O_CLOEXEC), program = -1, result = 0;
	void *aligned = malloc(op->f[1].n + 8);

	if (aligned && dir >= 0) {
		memcpy(aligned, op->f[1].bytes, op->f[1].n);
		load.insns = (uint64_t)(uintptr_t)aligned;
		program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	}
	attach.target_fd = (uint32_t)dir;
	attach.attach_bpf_fd = (uint32_t)program;
	if (program < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)))
		result = failed(s->error, LAUNCH_INTERNAL, errno, "limit the devices of cgroup \"%s\"", op->f[0].s);
	close_fd(&program);
	close_fd(&dir);
	free(aligned);
	return result;
}

static int open_sources(struct child *c, bool detach, struct launch_error *error)
{
	struct plan_cursor cursor;
	struct plan_op op;

	plan_rewind(c->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		bool recursive = op.code == PLAN_ROOTFS || (op.f[2].n & PLAN_BIND_RECURSIVE);

		if ((op.code != PLAN_ROOTFS && op.code != PLAN_BIND) || c->sources[op.index] >= 0)
			continue;
		c->sources[op.index] = open_source(op.f[0].s, recursive);
		if (c->sources[op.index] < 0 && op.code == PLAN_ROOTFS)
			return failed(error, LAUNCH_INVALID, errno, "open rootfs \"%s\"", op.f[0].s);
		if (c->sources[op.index] < 0)
			return failed(error, LAUNCH_INVALID, errno, "mount \"%s\" at \"%s\"", op.f[0].s, op.f[1].s);
		if (detach && sys_mount_setattr(c->sources[op.index], "", AT_EMPTY_PATH | AT_RECURSIVE, 0, 0, 1 << 19 /* MS_SLAVE */, 0))
			return failed(error, LAUNCH_INTERNAL, errno, "make \"%s\" a slave", op.f[0].s);
	}
	return 0;
}

void launch_open_sources(struct child *c)
{
	struct launch_error error;

	if (open_sources(c, false, &error))
		child_die(c, error.kind, 0, "%s", error.text);
}

static int before_clone(struct setup *s)
{
	struct plan_cursor cursor;
	struct plan_op op;
	int result = 0;

	s->child.sources = malloc(sizeof(int) * (s->plan.operations + 1));
	if (!s->child.sources)
		return failed(s->error, LAUNCH_INTERNAL, ENOMEM, "launch");
	for (uint32_t i = 0; i < s->plan.operations; i++)
		s->child.sources[i] = -1;
	plan_rewind(&s->plan, &cursor);
	while (!result && plan_next(&cursor, &op)) {
		switch (op.code) {
		case PLAN_CGROUP_V1:
		case PLAN_CGROUP_V2: result = open_cgroup(s, &op); break;
		case PLAN_CGROUP_DEVICES: result = attach_devices(s, &op); break;
		case PLAN_JOIN: result = join_path(s, &op); break;
		case PLAN_TARGET: result = open_target(s, &op); break;
		default: break;
		}
	}
	if (result)
		return result;
	s->child.host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->plan.clone_flags & CLONE_NEWUSER) {
		s->child.new_user = true;
		return open_sources(&s->child, true, s->error);
	}
	return 0;
}

/* An exec into a container whose init moved itself below its own cgroup (v2 allows processes in leaves only). */
static void use_cgroup_of_target(struct setup *s)
{
	char path[64], text[2048], full[3072], *line, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", s->target_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close_fd(&fd);
	text[n > 0 ? n : 0] = 0;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return;
	line = strchr(line, '/');
	if (!line || (end = strchr(line, '\n')) == NULL)
		return;
	*end = 0;
	snprintf(full, sizeof(full), "%s%s", s->cgroup_mount, line);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		close_fd(&s->cgroup);
		s->cgroup = fd;
	}
}

static pid_t clone_once(struct setup *s, int *pidfd)
{
	struct arguments a = { .flags = s->plan.clone_flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD };

	if (s->cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)s->cgroup;
	}
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* Joins for the child's sake, clones, and goes home again. In the child: returns 0. */
static pid_t clone_child(struct setup *s, int *pidfd)
{
	pid_t pid = -1;
	int joined = 0, err = 0;

	for (; joined < s->joins_count; joined++)
		if (setns(s->joins[joined].theirs, (int)s->joins[joined].flag)) {
			err = errno;
			break;
		}
	if (!err) {
		pid = clone_once(s, pidfd);
		if (pid < 0 && errno == EBUSY && s->cgroup >= 0 && s->target_pid) {
			use_cgroup_of_target(s);
			pid = clone_once(s, pidfd);
		}
		err = errno;
	}
	if (pid == 0)
		return 0;
	while (joined-- > 0)
		if (setns(s->joins[joined].mine, (int)s->joins[joined].flag))
			abort(); /* going on in a container's namespace would be worse than dying */
	errno = err;
	return pid;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close_fd(&fd);
	return result;
}

static int after_clone(struct setup *s, pid_t pid)
{
	struct plan_cursor cursor;
	struct plan_op op;
	char path[64], number[16];

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		switch (op.code) {
		case PLAN_UID_MAP:
		case PLAN_GID_MAP:
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, op.code == PLAN_UID_MAP ? "uid_map" : "gid_map");
			if (write_file(path, op.f[0].s))
				return failed(s->error, LAUNCH_INTERNAL, errno, "write %s", path);
			break;
		case PLAN_OOM_SCORE_ADJ:
			snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
			snprintf(number, sizeof(number), "%d", (int32_t)op.f[0].n);
			if (write_file(path, number))
				return failed(s->error, LAUNCH_INTERNAL, errno, "set oom_score_adj %s", number);
			break;
		default: break;
		}
	}
	return 0;
}

/* A limit that rises, for a child that is no longer privileged on the host. */
static int set_limit(struct setup *s, uint32_t index, pid_t pid)
{
	struct plan_cursor cursor;
	struct plan_op op;

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		struct rlimit limit = { op.f[1].n, op.f[2].n };

		if (op.index != index || op.code != PLAN_RLIMIT)
			continue;
		if (prlimit(pid, (__rlimit_resource_t)op.f[0].n, &limit, NULL))
			return failed(s->error, LAUNCH_INTERNAL, errno, "set rlimit %llu", (unsigned long long)op.f[0].n);
		return 0;
	}
	return failed(s->error, LAUNCH_INTERNAL, 0, "the process asked for a limit that is not there");
}

static int read_error(const char *message, ssize_t n, struct launch_error *error)
{
	int32_t err;

	if (n < 6)
		return failed(error, LAUNCH_INTERNAL, 0, "the process sent a malformed error");
	memcpy(&err, message + 2, 4);
	failed(error, (enum launch_kind)message[1], 0, "%.*s", (int)(n - 6), message + 6);
	error->err = err;
	return -1;
}

static int receive(int sync, char *message, size_t size, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { message, size };
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(sync, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		close_fd(fd);
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	return (int)n;
}

static int runtime_hook(struct setup *s, uint32_t index, pid_t pid)
{
	struct plan_cursor cursor;
	struct plan_op op;
	char reason[600];

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op))
		if (op.index == index && op.code == PLAN_HOOK)
			return run_hook(&op, pid, reason, sizeof(reason)) ? failed(s->error, LAUNCH_INTERNAL, 0, "%s", reason) : 0;
	return failed(s->error, LAUNCH_INTERNAL, 0, "the process asked for a hook that is not there");
}

/* Serves the child until it is created. */
static int until_ready(struct setup *s, struct launch *out)
{
	char message[1100], go[5] = { SYNC_GO };
	uint32_t index;
	int n;

	memcpy(go + 1, &out->pid, 4);
	if (after_clone(s, out->pid))
		return -1;
	if (send(out->sync, go, sizeof(go), MSG_NOSIGNAL) < 0)
		return failed(s->error, LAUNCH_INTERNAL, errno, "the process died at once");
	for (;;) {
		n = receive(out->sync, message, sizeof(message), &out->master);
		if (n <= 0)
			return failed(s->error, LAUNCH_INTERNAL, 0, "the process died while it was set up");
		switch (message[0]) {
		case SYNC_READY: return 0;
		case SYNC_MASTER: break;
		case SYNC_ERROR: return read_error(message, n, s->error);
		case SYNC_HOOK:
		case SYNC_LIMIT:
			if (n < 5)
				return failed(s->error, LAUNCH_INTERNAL, 0, "malformed hand-shake");
			memcpy(&index, message + 1, 4);
			if (message[0] == SYNC_HOOK ? runtime_hook(s, index, out->pid) : set_limit(s, index, out->pid))
				return -1;
			if (send(out->sync, go, sizeof(go), MSG_NOSIGNAL) < 0)
				return failed(s->error, LAUNCH_INTERNAL, errno, "the process died");
			break;
		default: return failed(s->error, LAUNCH_INTERNAL, 0, "malformed hand-shake");
		}
	}
}

static void release(struct setup *s)
{
	close_fd(&s->cgroup);
	close_fd(&s->child.host_proc);
	for (int i = 0; i < s->child.tasks_count; i++)
		close(s->child.tasks[i]);
	for (int i = 0; i < s->joins_count; i++) {
		close_fd(&s->joins[i].mine);
		if (s->joins[i].theirs != s->child.target)
			close_fd(&s->joins[i].theirs);
	}
	for (int i = 0; i < s->child.late_count; i++)
		close(s->child.late[i].fd);
	for (uint32_t i = 0; s->child.sources && i < s->plan.operations; i++)
		close_fd(&s->child.sources[i]);
	close_fd(&s->child.target);
	free(s->child.sources);
	free(s->child.tasks);
}

static int launch(struct setup *s, const struct launch_io *io, int listener, struct launch *out)
{
	int sync[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync))
		return failed(s->error, LAUNCH_INTERNAL, errno, "make the hand-shake");
	s->child.io = io;
	s->child.listener = listener;
	s->child.sync = sync[1];
	out->pid = clone_child(s, &out->pidfd);
	if (out->pid == 0) {
		close(sync[0]);
		child_main(&s->child);
	}
	close(sync[1]);
	out->sync = sync[0];
	if (out->pid < 0) {
		close_fd(&out->sync);
		return failed(s->error, LAUNCH_INTERNAL, errno, "clone into the namespaces");
	}
	if (until_ready(s, out)) {
		struct launch_error kept = *s->error;

		launch_discard(out);
		*s->error = kept;
		return -1;
	}
	return 0;
}

int launch_create_detached(const uint8_t *data, size_t len, const struct launch_io *io, int listener, struct launch *out,
			   struct launch_error *error)
{
	struct setup s = { .cgroup = -1, .error = error };
	const char *reason;
	int result;

	memset(error, 0, sizeof(*error));
	*out = (struct launch){ .pid = -1, .pidfd = -1, .sync = -1, .master = -1 };
	s.child.root = s.child.proc = s.child.host_proc = s.child.null_host = s.child.mask_dir = s.child.target = -1;
	if (plan_open(data, len, &s.plan, &reason))
		return failed(error, LAUNCH_INVALID, 0, "%s", reason);
	if (s.plan.clone_flags & ~ALLOWED_FLAGS)
		return failed(error, LAUNCH_INVALID, 0, "the plan's clone flags 0x%llx are not allowed", (unsigned long long)s.plan.clone_flags);
	if (s.plan.kind == PLAN_CREATE && !(s.plan.clone_flags & CLONE_NEWNS))
		return failed(error, LAUNCH_INVALID, 0, "a container needs a mount namespace of its own");
	s.child.plan = &s.plan;
	result = before_clone(&s);
	if (!result && s.plan.kind == PLAN_EXEC && s.child.target < 0)
		result = failed(error, LAUNCH_INVALID, 0, "the exec plan names no container");
	if (!result)
		result = launch(&s, io, listener, out);
	release(&s);
	return result;
}

int launch_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out, struct launch_error *error)
{
	return launch_create_detached(plan, len, io, -1, out, error);
}

int launch_exec_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out,
		       struct launch_error *error)
{
	struct plan p;
	const char *reason;

	if (plan_open(plan, len, &p, &reason) == 0 && p.kind != PLAN_EXEC) {
		*out = (struct launch){ .pid = -1, .pidfd = -1, .sync = -1, .master = -1 };
		return failed(error, LAUNCH_INVALID, 0, "the plan is not of kind exec");
	}
	return launch_create(plan, len, io, out, error);
}

int launch_start(struct launch *l, struct launch_error *error)
{
	char message[1100];
	int n, ignored = -1;

	memset(error, 0, sizeof(*error));
	if (l->sync < 0)
		return failed(error, LAUNCH_INVALID, 0, "the process was started before");
	if (send(l->sync, "S", 1, MSG_NOSIGNAL) < 0) {
		close_fd(&l->sync);
		return failed(error, LAUNCH_INTERNAL, errno, "the process died before it was started");
	}
	n = receive(l->sync, message, sizeof(message), &ignored);
	close_fd(&ignored);
	close_fd(&l->sync);
	l->entered = n == 0;
	return n <= 0 ? 0 : read_error(message, n, error);
}

int launch_exec_start(struct launch *l, struct launch_error *error)
{
	return launch_start(l, error);
}

void launch_discard(struct launch *l)
{
	if (l->pid > 0) {
		kill(l->pid, SIGKILL);
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	l->pid = -1;
	launch_close(l);
}

void launch_close(struct launch *l)
{
	close_fd(&l->pidfd);
	close_fd(&l->sync);
	close_fd(&l->master);
}
