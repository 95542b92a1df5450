/* Id maps of a new user namespace: written by us, or by newuidmap and newgidmap for a caller without the right to. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/setup.h"

#define WORDS 1024

int write_setgroups(struct setup *s, struct plan_op *op, pid_t pid) {
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	return write_file(path, op->f[0].s) ? launch_failed(s->error, LAUNCH_INTERNAL, errno, "write %s", path) : 0;
}

/* newuidmap PID INSIDE OUTSIDE COUNT ... */
static int run_mapper(struct setup *s, const char *program, char *words, pid_t target) {
	const char *args[WORDS + 3] = {program};
	char number[16], *rest = NULL;
	int count = 2, status;
	pid_t pid;

	snprintf(number, sizeof(number), "%d", target);
	args[1] = number;
	for (char *word = strtok_r(words, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		if (count == WORDS + 2) return launch_failed(s->error, LAUNCH_INVALID, 0, "too many id mappings");
		args[count++] = word;
	}
	args[count] = NULL;
	pid = fork();
	if (pid < 0) return launch_failed(s->error, LAUNCH_INTERNAL, errno, "fork %s", program);
	if (pid == 0) {
		for (int signal_number = 1; signal_number < 32; signal_number++) signal(signal_number, SIG_DFL);
		execve(program, (char *const *)args, (char *const[]){NULL});
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return launch_failed(s->error, LAUNCH_INTERNAL, errno, "wait for %s", program);
	if (status != 0)
		return launch_failed(s->error, LAUNCH_PERMISSION, 0, "%s refused the id mappings (exit status %d)", program,
		    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

int write_map(struct setup *s, struct plan_op *op, pid_t pid) {
	char path[64], *words;
	int result;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, op->code == PLAN_UID_MAP ? "uid_map" : "gid_map");
	if (!op->f[1].n) return write_file(path, op->f[0].s) ? launch_failed(s->error, LAUNCH_INTERNAL, errno, "write %s", path) : 0;
	words = strdup(op->f[0].s);
	if (!words) return launch_failed(s->error, LAUNCH_INTERNAL, ENOMEM, "write %s", path);
	result = run_mapper(s, op->f[1].s, words, pid);
	free(words);
	return result;
}
