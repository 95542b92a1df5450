/* OCI hooks: a program with the container's state on its stdin. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init/child.h"

static long long now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

__attribute__((noreturn)) static void be_hook(const struct plan_op *op, const char *const *inherited, int in, int err) {
	const char **args = plan_strings(&op->f[2], 1), **env = plan_strings(&op->f[3], 0);
	int null = open("/dev/null", O_WRONLY);

	if (!args || !env || dup2(in, 0) < 0 || dup2(err, 2) < 0) _exit(126);
	dup2(null >= 0 ? null : err, 1);
	sys_close_range(3, ~0u, 0);
	reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!args[0]) args[0] = op->f[1].s;
	execve(op->f[1].s, (char *const *)args, (char *const *)(inherited && !env[0] ? inherited : env));
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

/* Collects stderr until the hook ends or its time is over. */
static int watch(pid_t pid, int err, long long deadline, char *text, size_t size) {
	size_t have = 0;
	bool open_end = true;
	int status;

	for (;;) {
		struct pollfd p = {.fd = open_end ? err : -1, .events = POLLIN};
		long long left = deadline ? deadline - now_ms() : 50;

		if (deadline && left <= 0) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			snprintf(text, size, "timed out");
			return -1;
		}
		if (poll(&p, 1, (int)(left < 5 ? left : open_end ? left < 50 ? left : 50 : 5)) > 0) {
			char chunk[256];
			ssize_t n = read(err, chunk, sizeof(chunk));

			if (n <= 0) open_end = false;
			for (ssize_t i = 0; i < n && have + 1 < size; i++) text[have++] = chunk[i];
			text[have] = 0;
			if (n > 0) continue;
		}
		if (waitpid(pid, &status, WNOHANG) == pid) return status;
	}
}

static const char *name_of_signal(int number) {
	static char text[64];

	snprintf(text, sizeof(text), "%s", strsignal(number));
	for (char *at = text; *at; at++) *at = (char)tolower((unsigned char)*at);
	return text;
}

/* The state as a file: a hook that does not read it holds nobody up, however long it is. -1 with errno. */
static int state_file(const struct plan_op *op, pid_t pid) {
	char number[16];
	const struct {
		const char *text;
		size_t n;
	} parts[] = {
	    {op->f[5].s, op->f[5].n},
	    {number, (size_t)snprintf(number, sizeof(number), "%d", pid)},
	    {op->f[6].s, op->f[6].n},
	};
	int fd = memfd_create("state", MFD_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < 3; i++)
		for (size_t at = 0; at < parts[i].n;) {
			ssize_t n = write(fd, parts[i].text + at, parts[i].n - at);

			if (n < 0 && errno != EINTR) {
				close_fd(&fd);
				return -1;
			}
			at += n > 0 ? (size_t)n : 0;
		}
	if (fd >= 0) lseek(fd, 0, SEEK_SET);
	return fd;
}

int run_hook(const struct plan_op *op, pid_t pid, const char *const *inherited, char *reason, size_t size) {
	int state = state_file(op, pid), err[2] = {-1, -1}, status;
	char text[400] = "";
	pid_t child = -1;

	if (state >= 0 && pipe2(err, O_CLOEXEC) == 0) child = fork();
	if (child == 0) be_hook(op, inherited, state, err[1]);
	if (child < 0) snprintf(reason, size, "error running %s: \"%s\": %s", op->f[7].s, op->f[1].s, strerror(errno));
	close_fd(&state);
	close_fd(&err[1]);
	if (child < 0) {
		close_fd(&err[0]);
		return -1;
	}
	status = watch(child, err[0], op->f[4].n ? now_ms() + (long long)op->f[4].n * 1000 : 0, text, sizeof(text));
	close(err[0]);
	if (status == 0) return 0;
	if (status == -1) snprintf(reason, size, "error running %s: \"%s\" %s", op->f[7].s, op->f[1].s, text);
	else if (WIFEXITED(status))
		snprintf(reason, size, "error running %s: \"%s\" exited with status %d: %s", op->f[7].s, op->f[1].s, WEXITSTATUS(status), text);
	else
		snprintf(reason, size, "error running %s: \"%s\" died of signal %d (%s): %s", op->f[7].s, op->f[1].s, WTERMSIG(status),
		    name_of_signal(WTERMSIG(status)), text);
	return -1;
}
