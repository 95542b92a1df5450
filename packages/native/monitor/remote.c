#define _GNU_SOURCE
#include "monitor/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/attach.h"
#include "monitor/lifecycle.h"
#include "base/loop.h"
#include "monitor/monitor.h"
#include "monitor/oom.h"

#define LOG_LIMIT (256 * 1024) // bytes kept of the program's own log

static struct watch side = {.fd = -1};
static int side_file = -1;
static size_t side_written;
static char *oom_directory;
static int oom_version;

bool remote_is(const struct frame *frame) {
	const char *driver = wire_get(frame, "driver", NULL);
	return driver && strcmp(driver, "remote") == 0;
}

static void side_ready(struct watch *w, uint32_t events) {
	(void)events;
	char buf[8192];
	ssize_t n = read(w->fd, buf, sizeof buf);
	if (n <= 0 || side_written >= LOG_LIMIT) return; // read on, so that the writer is never held
	side_written += (size_t)n;
	(void)!write(side_file, buf, (size_t)n);
}

// Opened for reading and writing, the FIFO has neither an end nor a writer that is told of a missing reader.
static int side_open(const char *path) {
	char file[4200];
	snprintf(file, sizeof file, "%s/shim.log", monitor.dir);
	if (mkfifo(path, 0600) < 0 && errno != EEXIST) return -1;
	side_file = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	side = (struct watch){.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC), .ready = side_ready};
	if (side_file < 0 || side.fd < 0) return -1;
	loop_watch(&side, EPOLLIN);
	return 0;
}

int remote_open(const struct frame *frame, const char **what) {
	const char *path = wire_get(frame, "side_log", NULL), *oom = wire_get(frame, "oom", NULL);
	oom_directory = oom && *oom ? strdup(oom) : NULL;
	oom_version = (int)wire_int(frame, "oom_version", 1);
	*what = path;
	return path && *path ? side_open(path) : 0;
}

int remote_pipe(const char *name, int ends[2]) {
	char path[4200];
	snprintf(path, sizeof path, "%s/%s", monitor.dir, name);
	if (mkfifo(path, 0600) < 0 && errno != EEXIST) return -1;
	ends[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (ends[0] < 0) return -1;
	ends[1] = open(path, O_WRONLY | O_CLOEXEC);
	return ends[1] < 0 ? -1 : 0;
}

void remote_made(pid_t pid) {
	monitor.state.pid = pid;
	monitor.state.start_time = pid > 0 ? statefile_start_time(pid) : 0;
	lifecycle_save();
	if (oom_directory && !monitor.exec) oom_watch(oom_directory, oom_version);
}

int remote_started(pid_t pid, struct launch_error *error) {
	if (monitor.dead || monitor.status != STATUS_CREATED) {
		error->kind = LAUNCH_INVALID;
		snprintf(error->text, sizeof error->text, "the process %s", monitor.dead ? "has ended" : "has been started");
		return -1;
	}
	monitor.state.pid = pid;
	monitor.state.start_time = pid > 0 ? statefile_start_time(pid) : 0;
	return 0;
}

void remote_ended(int code, const char *exited_at, bool oom) {
	if (monitor.dead) return;
	lifecycle_let_go();
	if (oom && !monitor.oom) {
		monitor.oom = true;
		clients_tell_oom();
	}
	snprintf(monitor.exited_at, sizeof monitor.exited_at, "%s", exited_at);
	monitor_process_died(code);
}

bool remote_lives(void) {
	pid_t pid = monitor.state.pid;
	return pid > 0 && monitor.state.start_time && statefile_start_time(pid) == monitor.state.start_time;
}

void remote_kill(void) {
	if (remote_lives()) kill(monitor.state.pid, SIGKILL);
}
