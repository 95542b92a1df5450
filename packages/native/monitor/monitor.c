#define _GNU_SOURCE
#include "monitor/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "monitor/attach.h"
#include "monitor/hold.h"
#include "monitor/remote.h"
#include "monitor/input.h"
#include "base/json.h"
#include "monitor/lifecycle.h"
#include "monitor/logfile.h"
#include "base/loop.h"
#include "monitor/oom.h"
#include "monitor/output.h"
#include "monitor/process.h"

#define GRACE_QUIET_MS 100 // a writer that outlives the process is waited for while it writes ...
#define REMOTE_QUIET_MS 500 // the same when another program passes the output on, in its own time
#define GRACE_TOTAL_MS 2000 // ... but no longer than this
#define STUCK_MS 30000 // see monitor.h
#define SHUTDOWN_MS 10000 // what a process gets that does not end by itself when the host goes down

struct monitor monitor = {.forced_code = -1};

static struct frame request;
static int stdio[3] = {-1, -1, -1};
static int master = -1;
static int64_t died_at;
static int64_t kill_at; // loop_now() at which the process is killed because the host goes down, 0: it does not
static struct watch children = {.fd = -1};

static void close_stdio(void) {
	for (int i = 0; i < 3; i++) {
		if (stdio[i] >= 0) close(stdio[i]);
		stdio[i] = -1;
	}
}

static int save(void) { return statefile_write(monitor.dir, monitor.socket, &monitor.state); }

// Tells why there is no process, and leaves nothing but the directory.
static int refuse(int socket, const char *code, const char *text) {
	char escaped[2400], answer[2600];
	snprintf(answer, sizeof answer, "{\"ok\":false,\"code\":\"%s\",\"error\":\"%s\"}", code, json_escape(text, escaped, sizeof escaped));
	clients_stop_listening(monitor.socket);
	wire_answer(socket, request.id, answer);
	return 1;
}

static int refuse_errno(int socket, const char *what) {
	char text[4400];
	snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
	return refuse(socket, errno == ENOENT ? "not_found" : "internal", text);
}

static void take_terminal(void) {
	if (master < 0) return;
	output_terminal(master);
	input_terminal(master);
}

// The process's own settings are inherited over the clone, so the monitor takes its own only afterwards.
static void settle(void) {
	static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGQUIT};
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "-999", 4);
		close(fd);
	}
}

static void children_ready(struct watch *w, uint32_t events) {
	(void)events;
	struct signalfd_siginfo info;
	if (read(w->fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGTERM && !kill_at) {
		// Only the last step of a shutdown says so, to every process at once, and then waits for all of them.
		kill_at = loop_now() + SHUTDOWN_MS;
		monitor.released = true;
	}
	process_reap();
}

static void watch_children(void) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	children = (struct watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = children_ready};
	loop_watch(&children, EPOLLIN);
	process_reap(); // it may have died before the signal was watched
}

static int open_input(struct launch_error *error) {
	if (input_open_fifo() == 0) return 0;
	error->kind = LAUNCH_INTERNAL;
	snprintf(error->text, sizeof error->text, "stdin fifo: %s", strerror(errno));
	return -1;
}

int lifecycle_start(struct launch_error *error) {
	if (monitor.dead || monitor.status == STATUS_STOPPED) {
		error->kind = LAUNCH_INVALID;
		snprintf(error->text, sizeof error->text, "the process has ended");
		return -1;
	}
	if (monitor.status != STATUS_CREATED) {
		error->kind = LAUNCH_INVALID;
		snprintf(error->text, sizeof error->text, "the process has been started");
		return -1;
	}
	bool late = process_starts_late(&request);
	monitor.ack_deadline = 0;
	monitor.state.acknowledged = true;
	int r = open_input(error);
	if (r == 0) r = process_start(&request, stdio, &master, error);
	close_stdio();
	wire_free(&request);
	if (r < 0) {
		if (late) output_discard();
		monitor.forced_code = launch_exit_code(error->kind, 128);
		if (monitor.state.pid <= 0) monitor_process_died(monitor.forced_code); // there never was one
		else kill(monitor.state.pid, SIGKILL);
		return -1;
	}
	if (late && monitor.exec) {
		monitor.state.start_time = statefile_start_time(monitor.state.pid);
		take_terminal();
	}
	monitor.status = STATUS_RUNNING;
	monitor.state.started = true;
	save();
	output_update();
	return 0;
}

int lifecycle_save(void) { return save(); }

void lifecycle_let_go(void) { close_stdio(); }

// The process itself was started by whoever made it; our ends of its FIFOs are not needed any more.
int lifecycle_follow(pid_t pid, struct launch_error *error) {
	if (remote_started(pid, error) < 0 || open_input(error) < 0) return -1;
	close_stdio();
	monitor.status = STATUS_RUNNING;
	monitor.state.started = true;
	save();
	output_update();
	return 0;
}

int lifecycle_acknowledge(void) {
	monitor.ack_deadline = 0;
	monitor.state.acknowledged = true;
	return save();
}

int lifecycle_resize(unsigned short width, unsigned short height) {
	struct winsize size = {.ws_row = height, .ws_col = width};
	if (master < 0) {
		errno = EINVAL;
		return -1;
	}
	return ioctl(master, TIOCSWINSZ, &size);
}

void monitor_process_died(int code) {
	monitor.dead = true;
	monitor.exit_code = monitor.forced_code >= 0 ? monitor.forced_code : code;
	if (!monitor.exited_at[0]) rfc3339_now(monitor.exited_at);
	died_at = loop_now();
	input_end();
	monitor_check_end();
}

void monitor_check_end(void) {
	if (!monitor.dead || monitor.status == STATUS_STOPPED) return;
	int64_t now = loop_now();
	if (!output_drain()) {
		int64_t quiet_since = output_last() > died_at ? output_last() : died_at;
		int quiet = monitor.remote ? REMOTE_QUIET_MS : GRACE_QUIET_MS;
		if (now - quiet_since < quiet && now - died_at < GRACE_TOTAL_MS) return;
	}
	output_finish();
	oom_check();
	statefile_exit(monitor.dir, monitor.exit_code, monitor.exited_at, monitor.oom, output_log_dropped());
	monitor.status = STATUS_STOPPED;
	clients_tell_exit();
}

// Nobody took the created process over: the shim that asked for it is gone.
static void destroy(void) {
	monitor.ack_deadline = 0;
	if (monitor.state.pid > 0 && !monitor.dead && !monitor.remote) kill(monitor.state.pid, SIGKILL);
	else if (!monitor.dead) monitor_process_died(128 + SIGKILL);
	monitor.released = true;
}

static int timeout(int64_t now) {
	int64_t until = INT64_MAX;
	if (monitor.ack_deadline) until = monitor.ack_deadline;
	if (kill_at && !monitor.dead && kill_at < until) until = kill_at;
	if (hold_due() < until) until = hold_due();
	if (monitor.dead && monitor.status != STATUS_STOPPED && now + 20 < until) until = now + 20;
	int64_t look = monitor.stuck_ms < 2000 ? monitor.stuck_ms / 2 + 1 : 1000;
	if ((clients_full() || monitor.released) && now + look < until) until = now + look;
	if (output_waits_for_log() && now + LOG_LOOK_MS < until) until = now + LOG_LOOK_MS;
	if (until == INT64_MAX) return -1;
	return until > now ? (int)(until - now) : 0;
}

static void serve(void) {
	bool leaving = false;
	for (;;) {
		bool resting = output_waits_for_log();
		loop_turn(timeout(loop_now()));
		int64_t now = loop_now();
		if (resting) output_update();
		if (monitor.ack_deadline && now >= monitor.ack_deadline) destroy();
		if (kill_at && now >= kill_at && !monitor.dead && monitor.remote) {
			remote_kill();
			remote_ended(128 + SIGKILL, "", false); // whoever would tell may be gone already
		} else if (kill_at && now >= kill_at && !monitor.dead && monitor.state.pid > 0) {
			kill(monitor.state.pid, SIGKILL);
			kill_at = now + SHUTDOWN_MS;
		}
		hold_turn(now);
		if (monitor.dead && monitor.status != STATUS_STOPPED) monitor_check_end();
		if (monitor.released && monitor.status == STATUS_STOPPED) {
			if (!leaving) clients_stop_listening(monitor.socket);
			leaving = true;
			bool read = output_read(now); // whoever still reads gets all of it ...
			if (!read) clients_close_idle(); // ... and who released waits for this
			if (clients_sweep(now) == 0 && !read) return;
		} else {
			clients_sweep(now);
		}
	}
}

int monitor_run(int socket, struct frame *frame) {
	const char *what = "monitor";
	struct launch_error error = {0};
	prctl(PR_SET_NAME, "gantry-monitor");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	static const int plain[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) signal(plain[i], SIG_DFL);
	request = *frame;
	monitor.dir = strdup(wire_get(frame, "dir", NULL) ?: "");
	monitor.socket = strdup(wire_get(frame, "socket", NULL) ?: "");
	monitor.exec = wire_int(frame, "exec", 0);
	monitor.tty = wire_int(frame, "tty", 0);
	monitor.remote = remote_is(frame);
	monitor.stuck_ms = wire_int(frame, "stuck_ms", STUCK_MS);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		if (null >= 0) dup2(null, i);
	if (null > 2) close(null);

	if (loop_init() < 0) return refuse_errno(socket, "epoll");
	if (clients_listen(monitor.socket) < 0) return refuse_errno(socket, monitor.socket);
	if (save() < 0) return refuse_errno(socket, monitor.dir);
	if (monitor.remote && remote_open(frame, &what) < 0) return refuse_errno(socket, what);
	if (output_open(frame, stdio, &what) < 0 || input_open(frame, &stdio[0], &what) < 0) return refuse_errno(socket, what);
	int uid = (int)wire_int(frame, "uid", -1), gid = (int)wire_int(frame, "gid", -1);
	for (int i = 0; i < 3 && (uid >= 0 || gid >= 0); i++)
		if (stdio[i] >= 0) (void)!fchown(stdio[i], (uid_t)uid, (gid_t)gid);

	if (!monitor.remote && process_create(frame, stdio, &master, &error) < 0) {
		if (monitor.state.pid > 0) kill(monitor.state.pid, SIGKILL);
		return refuse(socket, launch_kind_name(error.kind), error.text);
	}
	settle();
	take_terminal();
	if (!monitor.remote && !(monitor.exec && process_starts_late(frame))) close_stdio();
	if (!monitor.remote) monitor.state.start_time = statefile_start_time(monitor.state.pid);
	save();
	long ack_ms = wire_int(frame, "ack_ms", 0);
	if (ack_ms > 0) monitor.ack_deadline = loop_now() + ack_ms;
	const char *oom = wire_get(frame, "oom", NULL);
	if (oom && *oom && !monitor.remote) oom_watch(oom, (int)wire_int(frame, "oom_version", 1));
	if (monitor.remote || !process_starts_late(frame)) {
		// The plan is not needed any more; only the answer's number is.
		uint32_t id = request.id;
		wire_free(&request);
		request.id = id;
	}
	output_start();
	watch_children();

	char answer[128];
	snprintf(answer, sizeof answer, "{\"ok\":true,\"pid\":%d,\"monitor_pid\":%d}", monitor.state.pid, getpid());
	wire_answer(socket, request.id, answer);
	close(socket);
	serve();
	return 0;
}
