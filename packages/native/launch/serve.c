/* The parent's end of the hand-shake: what the cloned process asks for until it is created. The child's end: init/handshake.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launch/setup.h"

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

int read_error(const char *message, ssize_t n, struct launch_error *error) {
	int32_t err;

	if (n < 6) return launch_failed(error, LAUNCH_INTERNAL, 0, "the process sent a malformed error");
	memcpy(&err, message + 2, 4);
	launch_failed(error, (enum launch_kind)message[1], 0, "%.*s", (int)(n - 6), message + 6);
	error->err = err;
	return -1;
}

int receive(int sync, char *message, size_t size, int *fd) {
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

int until_ready(struct setup *s, struct launch *out) {
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
