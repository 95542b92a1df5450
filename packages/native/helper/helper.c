// Mode `helper`: gantry-native helper [cgroup directory ...]
//
// Started once by the shim with one end of a socketpair as descriptor 3. It joins the given (monitor) cgroups, then forks
// a monitor or a runner for each request; the forked process answers on the same socket by itself. The helper ends when
// the shim's end is closed; what it forked goes on.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "monitor/monitor.h"
#include "helper/empty_root.h"
#include "helper/holder.h"
#include "helper/runner.h"
#include "base/wire.h"

#define SOCKET_FD 3

// One thread only, so v1 `tasks` moves the whole process (and does not wait as cgroup.procs does).
static void join_cgroup(const char *dir) {
	static const char *const files[] = {"tasks", "cgroup.procs"};
	for (int i = 0; i < 2; i++) {
		char path[4200];
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0) continue;
		ssize_t n = write(fd, "0", 1);
		int saved = errno;
		close(fd);
		if (n == 1) return;
		errno = saved;
	}
	fprintf(stderr, "gantry helper: cannot join cgroup %s: %s\n", dir, strerror(errno));
}

static void dispatch(struct frame *frame) {
	int root = frame->kind == WIRE_HOLD ? empty_root() : -1; // kept for those that follow
	pid_t pid = fork();
	if (pid < 0) {
		char text[160];
		snprintf(text, sizeof text, "{\"ok\":false,\"code\":\"internal\",\"error\":\"fork: %s\"}", strerror(errno));
		wire_answer(SOCKET_FD, frame->id, text);
		return;
	}
	if (pid > 0) return;
	signal(SIGCHLD, SIG_DFL);
	setsid();
	switch (frame->kind) {
	case WIRE_MONITOR: _exit(monitor_run(SOCKET_FD, frame));
	case WIRE_HOLD: _exit(holder_run(SOCKET_FD, frame, root));
	case WIRE_RUN: _exit(runner_command(SOCKET_FD, frame));
	case WIRE_MOUNT: _exit(runner_mount(SOCKET_FD, frame));
	case WIRE_UMOUNT: _exit(runner_umount(SOCKET_FD, frame));
	default: wire_answer(SOCKET_FD, frame->id, "{\"ok\":false,\"code\":\"invalid\",\"error\":\"unknown request kind\"}"); _exit(1);
	}
}

int mode_helper(int argc, char **argv) {
	if (fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0) {
		fprintf(stderr, "gantry helper: descriptor 3 is no socket of a shim\n");
		return 125;
	}
	// Node gives non-blocking pipes; this process reads one request after the other.
	fcntl(SOCKET_FD, F_SETFL, fcntl(SOCKET_FD, F_GETFL) & ~O_NONBLOCK);
	for (int fd = 4; fd < 1024; fd++) close(fd);
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); // forked processes are nobody's to wait for
	prctl(PR_SET_NAME, "gantry-helper");
	// What the service manager said to the shim is not meant for the runtimes that are run here: runc would speak to its socket.
	static const char *const managers[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
	for (size_t i = 0; i < sizeof managers / sizeof *managers; i++) unsetenv(managers[i]);
	if (chdir("/") < 0) return 125;
	for (int i = 1; i < argc; i++) join_cgroup(argv[i]);
	wire_answer(SOCKET_FD, 0, "{\"ok\":true}");
	for (;;) {
		struct frame frame;
		int r = wire_read(SOCKET_FD, &frame);
		if (r < 0) fprintf(stderr, "gantry helper: broken request: %s\n", strerror(errno));
		if (r <= 0) return r < 0;
		dispatch(&frame);
		wire_free(&frame);
	}
}
