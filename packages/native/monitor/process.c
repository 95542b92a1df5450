#define _GNU_SOURCE
#include "monitor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "base/spawn.h"

static struct launch launched = {.pidfd = -1, .sync = -1, .master = -1};

static int failed(struct launch_error *error, enum launch_kind kind, int err, const char *what) {
	error->kind = kind;
	error->err = err;
	snprintf(error->text, sizeof error->text, err ? "%s: %s" : "%s", what, strerror(err));
	return -1;
}

static bool is_native(const struct frame *frame) {
	const char *driver = wire_get(frame, "driver", NULL);
	return !driver || strcmp(driver, "native") == 0;
}

bool process_starts_late(const struct frame *frame) { return !is_native(frame); }

// The runtime sends the terminal's master over this socket (--console-socket).
static int console_listen(const char *path) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return -1;
	mode_t mask = umask(0177);
	int r = bind(fd, (struct sockaddr *)&addr, sizeof addr);
	umask(mask);
	if (r < 0 || listen(fd, 1) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int console_receive(int listener) {
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) return -1;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char name[4096];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {name, sizeof name};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	int master = -1;
	if (poll(&wait, 1, 2000) == 1 && recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) > 0) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&master, CMSG_DATA(c), sizeof(int));
	}
	close(fd);
	return master;
}

static pid_t read_pid(const char *path) {
	char buf[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	if (n <= 0) return 0;
	buf[n] = 0;
	return (pid_t)strtol(buf, NULL, 10);
}

// Runs one command of the runtime to its end. The caller reads the runtime's own log for the reason of a failure.
static int run_command(const struct frame *frame, const char *verb, const int fds[3], struct launch_error *error) {
	size_t len;
	const char *value = wire_get(frame, verb, &len);
	char **argv = wire_words(value, value ? len : 0);
	if (!argv) return failed(error, LAUNCH_INVALID, 0, "no command line for the runtime");
	pid_t pid = spawn_program(argv, fds, wire_get(frame, "hide", NULL), wire_get(frame, "bundle", NULL));
	free(argv);
	if (pid < 0) return failed(error, LAUNCH_INTERNAL, errno, "fork");
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return failed(error, LAUNCH_INTERNAL, errno, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
	error->kind = LAUNCH_INTERNAL;
	error->err = 0;
	snprintf(error->text, sizeof error->text, "runtime %s: %s %d", verb, WIFEXITED(status) ? "exit status" : "killed by signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return -1;
}

// Runs the verb that makes the process, and takes its pid and terminal over.
static int run_making(const struct frame *frame, const char *verb, const int fds[3], int *master, struct launch_error *error) {
	static const int none[3] = {-1, -1, -1};
	const char *console = wire_get(frame, "console", NULL);
	const char *pid_file = wire_get(frame, "pid_file", NULL);
	int listener = -1;
	if (monitor.tty) {
		if (!console || (listener = console_listen(console)) < 0) return failed(error, LAUNCH_INTERNAL, errno, "console socket");
	}
	int r = run_command(frame, verb, monitor.tty ? none : fds, error);
	if (r == 0 && monitor.tty) {
		*master = console_receive(listener);
		if (*master < 0) r = failed(error, LAUNCH_INTERNAL, 0, "the runtime sent no terminal");
	}
	if (listener >= 0) {
		close(listener);
		unlink(console);
	}
	if (r < 0) return r;
	monitor.state.pid = pid_file ? read_pid(pid_file) : 0;
	if (monitor.state.pid <= 0) return failed(error, LAUNCH_INTERNAL, 0, "the runtime wrote no pid file");
	return 0;
}

int process_create(const struct frame *frame, const int fds[3], int *master, struct launch_error *error) {
	if (!is_native(frame)) return monitor.exec ? 0 : run_making(frame, "create", fds, master, error);
	size_t len;
	const char *plan = wire_get(frame, "plan", &len);
	if (!plan) return failed(error, LAUNCH_INVALID, 0, "no launch plan");
	struct launch_io io = {
	    .in = fds[0],
	    .out = fds[1],
	    .err = fds[2],
	    .terminal = monitor.tty,
	    .rows = (uint16_t)wire_int(frame, "height", 0),
	    .cols = (uint16_t)wire_int(frame, "width", 0),
	};
	int r = monitor.exec ? launch_exec_create((const uint8_t *)plan, len, &io, &launched, error)
	                     : launch_create((const uint8_t *)plan, len, &io, &launched, error);
	if (r < 0) return -1;
	monitor.state.pid = launched.pid;
	*master = launched.master;
	return 0;
}

int process_start(const struct frame *frame, const int fds[3], int *master, struct launch_error *error) {
	static const int none[3] = {-1, -1, -1};
	if (is_native(frame)) return monitor.exec ? launch_exec_start(&launched, error) : launch_start(&launched, error);
	return monitor.exec ? run_making(frame, "start", fds, master, error) : run_command(frame, "start", none, error);
}

void process_reap(void) {
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == monitor.state.pid && !monitor.dead)
			monitor_process_died(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int process_signal(int signal) {
	// One that is made only at its start was never made: its end is told all the same.
	if (!monitor.dead && monitor.state.pid <= 0 && monitor.status == STATUS_CREATED && signal == SIGKILL) {
		monitor_process_died(128 + signal);
		return 0;
	}
	if (monitor.dead || monitor.state.pid <= 0) {
		errno = ESRCH;
		return -1;
	}
	// Our child, not reaped yet: the pid cannot be another's.
	return kill(monitor.state.pid, signal);
}
