#define _GNU_SOURCE
#include "monitor/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"

#define READY_MS 10000 // the same as containerd gives

// In the child: 0 to 2 are /dev/null already, everything else of ours closes on exec.
static void run(char **argv, char **env, const int ends[3]) {
	int above[3];
	for (int i = 0; i < 3; i++) above[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		if (above[i] < 0 || dup2(above[i], 3 + i) < 0) _exit(126);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
	execve(argv[0], argv, env);
	int saved = errno;
	(void)!write(above[2], &saved, sizeof saved);
	_exit(127);
}

// The end of the pipe says ready; bytes of ours before it are the errno of a failed exec, others are the logger's own matter.
static int await_ready(int fd) {
	int64_t until = loop_now() + READY_MS;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - loop_now();
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (r < 0 && errno == EINTR) continue;
		if (r == 0) errno = ETIMEDOUT;
		if (r <= 0) return -1;
		int failure = 0;
		ssize_t n = read(fd, &failure, sizeof failure);
		if (n == 0) return 0;
		if (n == (ssize_t)sizeof failure && failure > 0 && failure < 4096) {
			errno = failure;
			return -1;
		}
	}
}

int logger_start(const struct frame *frame, int pipes[2], const char **what) {
	size_t len, env_len;
	const char *value = wire_get(frame, "logger", &len), *settings = wire_get(frame, "logger_env", &env_len);
	char **argv = wire_words(value, value ? len : 0), **env = wire_words(settings, settings ? env_len : 0);
	int out[2], err[2], ready[2];
	*what = argv ? argv[0] : "logger";
	if (!argv || !env) {
		errno = EINVAL;
		return -1;
	}
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) return -1;
	pid_t pid = fork();
	if (pid < 0) return -1;
	if (pid == 0) run(argv, env, (const int[3]){out[0], err[0], ready[1]});
	close(out[0]);
	close(err[0]);
	close(ready[1]);
	int r = await_ready(ready[0]);
	int saved = errno;
	close(ready[0]);
	if (r < 0) kill(pid, SIGKILL);
	pipes[0] = out[1];
	pipes[1] = err[1];
	for (int i = 0; i < 2; i++) fcntl(pipes[i], F_SETFL, O_WRONLY | O_NONBLOCK);
	free(argv);
	free(env);
	errno = saved;
	return r;
}
