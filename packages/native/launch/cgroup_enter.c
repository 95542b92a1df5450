/* The cgroups that the cloned process begins in, opened by the parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/setup.h"

int open_cgroup(struct setup *s, struct plan_op *op) {
	int *tasks;

	if (op->code == PLAN_CGROUP_V2) {
		close_fd(&s->cgroup);
		s->cgroup = open(op->f[0].s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(s->cgroup_mount, sizeof(s->cgroup_mount), "%s", op->f[1].s);
		return s->cgroup < 0 ? launch_failed(s->error, LAUNCH_INTERNAL, errno, "open cgroup \"%s\"", op->f[0].s) : 0;
	}
	tasks = reallocarray(s->child.tasks, (size_t)s->child.tasks_count + 1, sizeof(int));
	if (!tasks) return launch_failed(s->error, LAUNCH_INTERNAL, ENOMEM, "open cgroup");
	s->child.tasks = tasks;
	tasks[s->child.tasks_count] = open(op->f[0].s, O_WRONLY | O_CLOEXEC);
	if (tasks[s->child.tasks_count] < 0) return launch_failed(s->error, LAUNCH_INTERNAL, errno, "open cgroup \"%s\"", op->f[0].s);
	s->child.tasks_count++;
	return 0;
}

/* An exec into a container whose init moved itself below its own cgroup (v2 allows processes in leaves only). */
void use_cgroup_of_target(struct setup *s) {
	char path[64], text[2048], full[3072], *line, *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", s->target_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	close_fd(&fd);
	text[n > 0 ? n : 0] = 0;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line) return;
	line = strchr(line, '/');
	if (!line || (end = strchr(line, '\n')) == NULL) return;
	*end = 0;
	snprintf(full, sizeof(full), "%s%s", s->cgroup_mount, line);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		close_fd(&s->cgroup);
		s->cgroup = fd;
	}
}
