/* The parent's half of a launch: clone, maps, limits, hand-shake. The child's half begins in child.c. */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch_detached.h"
#include "setup.h"

#define ALLOWED_FLAGS ((uint64_t)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER))
const char *launch_kind_name(enum launch_kind kind) {
	static const char *const names[] = {"internal", "not_found", "permission", "invalid"};

	return (unsigned)kind < 4 ? names[kind] : names[0];
}

int launch_failed(struct launch_error *error, enum launch_kind kind, int err, const char *format, ...) {
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

void close_fd(int *fd) {
	if (*fd >= 0) close(*fd);
	*fd = -1;
}

static int before_clone(struct setup *s) {
	struct plan_cursor cursor;
	struct plan_op op;
	int result = 0;

	plan_rewind(&s->plan, &cursor);
	while (!result && plan_next(&cursor, &op)) {
		switch (op.code) {
		case PLAN_CGROUP_V1:
		case PLAN_CGROUP_V2: result = open_cgroup(s, &op); break;
		case PLAN_CGROUP_DEVICES: result = attach_devices(s, &op); break;
		case PLAN_JOIN: result = join_path(s, &op); break;
		case PLAN_TARGET: result = open_target(s, &op); break;
		case PLAN_LISTENER: result = connect_agent(s, &op); break;
		case PLAN_AFFINITY:
			s->has_affinity = true;
			s->affinity = op.f[0].bytes;
			s->affinity_bytes = op.f[0].n;
			break;
		default: break;
		}
	}
	if (result) return result;
	s->child.host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->plan.clone_flags & CLONE_NEWUSER) s->child.new_user = true;
	return prepare_sources(s);
}

static int after_clone(struct setup *s, pid_t pid) {
	struct plan_cursor cursor;
	struct plan_op op;
	char path[64], number[16];

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		switch (op.code) {
		case PLAN_SETGROUPS:
			if (write_setgroups(s, &op, pid)) return -1;
			break;
		case PLAN_UID_MAP:
		case PLAN_GID_MAP:
			if (write_map(s, &op, pid)) return -1;
			break;
		case PLAN_NET_DEVICE:
			if (move_device(s, &op, pid)) return -1;
			break;
		case PLAN_OOM_SCORE_ADJ:
			snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
			snprintf(number, sizeof(number), "%d", (int32_t)op.f[0].n);
			if (write_file(path, number)) return launch_failed(s->error, LAUNCH_INTERNAL, errno, "set oom_score_adj %s", number);
			break;
		default: break;
		}
	}
	return 0;
}

/* A limit that rises, for a child that is no longer privileged on the host. */
static int set_limit(struct setup *s, uint32_t index, pid_t pid) {
	struct plan_cursor cursor;
	struct plan_op op;

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		struct rlimit limit = {op.f[1].n, op.f[2].n};

		if (op.index != index || op.code != PLAN_RLIMIT) continue;
		if (prlimit(pid, (__rlimit_resource_t)op.f[0].n, &limit, NULL))
			return launch_failed(s->error, LAUNCH_INTERNAL, errno, "set rlimit %llu", (unsigned long long)op.f[0].n);
		return 0;
	}
	return launch_failed(s->error, LAUNCH_INTERNAL, 0, "the process asked for a limit that is not there");
}

static int read_error(const char *message, ssize_t n, struct launch_error *error) {
	int32_t err;

	if (n < 6) return launch_failed(error, LAUNCH_INTERNAL, 0, "the process sent a malformed error");
	memcpy(&err, message + 2, 4);
	launch_failed(error, (enum launch_kind)message[1], 0, "%.*s", (int)(n - 6), message + 6);
	error->err = err;
	return -1;
}

static int receive(int sync, char *message, size_t size, int *fd) {
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {message, size};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n;

	do n = recvmsg(sync, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		close_fd(fd);
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	return (int)n;
}

static int runtime_hook(struct setup *s, uint32_t index, pid_t pid) {
	struct plan_cursor cursor;
	struct plan_op op;
	char reason[600];

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op))
		if (op.index == index && op.code == PLAN_HOOK)
			return run_hook(&op, pid, NULL, reason, sizeof(reason)) ? launch_failed(s->error, LAUNCH_INTERNAL, 0, "%s", reason) : 0;
	return launch_failed(s->error, LAUNCH_INTERNAL, 0, "the process asked for a hook that is not there");
}

/* Serves the child until it is created. */
static int until_ready(struct setup *s, struct launch *out) {
	char message[1100], go[5] = {SYNC_GO};
	uint32_t index;
	int n, given;

	memcpy(go + 1, &out->pid, 4);
	if (after_clone(s, out->pid)) return -1;
	if (send(out->sync, go, sizeof(go), MSG_NOSIGNAL) < 0)
		return launch_failed(s->error, LAUNCH_INTERNAL, errno, "the process died at once");
	for (;;) {
		given = -1;
		n = receive(out->sync, message, sizeof(message), &given);
		if (n > 0 && message[0] == SYNC_MASTER) {
			close_fd(&out->master);
			out->master = given;
			continue;
		}
		if (n > 0 && message[0] == SYNC_TREE && n >= 5) {
			memcpy(&index, message + 1, 4);
			if (map_inside(s, index, given, out->pid, out->sync)) return -1;
			continue;
		}
		close_fd(&given);
		if (n <= 0) return launch_failed(s->error, LAUNCH_INTERNAL, 0, "the process died while it was set up");
		switch (message[0]) {
		case SYNC_READY: return 0;
		case SYNC_ERROR: return read_error(message, n, s->error);
		case SYNC_HOOK:
		case SYNC_LIMIT:
			if (n < 5) return launch_failed(s->error, LAUNCH_INTERNAL, 0, "malformed hand-shake");
			memcpy(&index, message + 1, 4);
			if (message[0] == SYNC_HOOK ? runtime_hook(s, index, out->pid) : set_limit(s, index, out->pid)) return -1;
			if (send(out->sync, go, sizeof(go), MSG_NOSIGNAL) < 0)
				return launch_failed(s->error, LAUNCH_INTERNAL, errno, "the process died");
			break;
		default: return launch_failed(s->error, LAUNCH_INTERNAL, 0, "malformed hand-shake");
		}
	}
}

static void release(struct setup *s) {
	close_fd(&s->cgroup);
	close_fd(&s->child.host_proc);
	for (int i = 0; i < s->child.tasks_count; i++) close(s->child.tasks[i]);
	close_joins(s);
	close_fd(&s->child.agent);
	close_sources(&s->child);
	free(s->child.tasks);
}

static int launch(struct setup *s, const struct launch_io *io, int listener, struct launch *out) {
	int sync[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync))
		return launch_failed(s->error, LAUNCH_INTERNAL, errno, "make the hand-shake");
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
		return launch_failed(s->error, LAUNCH_INTERNAL, errno, "clone into the namespaces");
	}
	if (until_ready(s, out)) {
		struct launch_error kept = *s->error;

		launch_discard(out);
		*s->error = kept;
		return -1;
	}
	return 0;
}

int launch_create_detached(
    const uint8_t *data, size_t len, const struct launch_io *io, int listener, struct launch *out, struct launch_error *error) {
	struct setup s = {.cgroup = -1, .user = -1, .error = error};
	const char *reason;
	int result;

	memset(error, 0, sizeof(*error));
	*out = (struct launch){.pid = -1, .pidfd = -1, .sync = -1, .master = -1};
	s.child.root = s.child.proc = s.child.host_proc = s.child.null_host = s.child.mask_dir = s.child.target = s.child.agent = -1;
	if (plan_open(data, len, &s.plan, &reason)) return launch_failed(error, LAUNCH_INVALID, 0, "%s", reason);
	if (s.plan.clone_flags & ~ALLOWED_FLAGS)
		return launch_failed(
		    error, LAUNCH_INVALID, 0, "the plan's clone flags 0x%llx are not allowed", (unsigned long long)s.plan.clone_flags);
	s.child.plan = &s.plan;
	result = before_clone(&s);
	if (!result && s.plan.kind == PLAN_EXEC && s.child.target < 0)
		result = launch_failed(error, LAUNCH_INVALID, 0, "the exec plan names no container");
	if (!result) result = launch(&s, io, listener, out);
	release(&s);
	return result;
}

int launch_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out, struct launch_error *error) {
	return launch_create_detached(plan, len, io, -1, out, error);
}

int launch_exec_create(const uint8_t *plan, size_t len, const struct launch_io *io, struct launch *out, struct launch_error *error) {
	struct plan p;
	const char *reason;

	if (plan_open(plan, len, &p, &reason) == 0 && p.kind != PLAN_EXEC) {
		*out = (struct launch){.pid = -1, .pidfd = -1, .sync = -1, .master = -1};
		return launch_failed(error, LAUNCH_INVALID, 0, "the plan is not of kind exec");
	}
	return launch_create(plan, len, io, out, error);
}

int launch_start(struct launch *l, struct launch_error *error) {
	char message[1100];
	int n, ignored = -1;

	memset(error, 0, sizeof(*error));
	if (l->sync < 0) return launch_failed(error, LAUNCH_INVALID, 0, "the process was started before");
	if (send(l->sync, "S", 1, MSG_NOSIGNAL) < 0) {
		close_fd(&l->sync);
		return launch_failed(error, LAUNCH_INTERNAL, errno, "the process died before it was started");
	}
	n = receive(l->sync, message, sizeof(message), &ignored);
	close_fd(&ignored);
	close_fd(&l->sync);
	l->entered = n == 0;
	return n <= 0 ? 0 : read_error(message, n, error);
}

int launch_exec_start(struct launch *l, struct launch_error *error) { return launch_start(l, error); }

void launch_discard(struct launch *l) {
	if (l->pid > 0) {
		kill(l->pid, SIGKILL);
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	l->pid = -1;
	launch_close(l);
}

void launch_close(struct launch *l) {
	close_fd(&l->pidfd);
	close_fd(&l->sync);
	close_fd(&l->master);
}
