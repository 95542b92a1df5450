/* The parent's half of a launch: what launch.h promises. The child's half begins in init/child.c. */
#define _GNU_SOURCE
#include "launch/launch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/detached.h"
#include "launch/setup.h"

#define ALLOWED_FLAGS ((uint64_t)(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER))
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
