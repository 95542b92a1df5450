#define _GNU_SOURCE
#include "monitor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "monitor/attach.h"
#include "monitor/remote.h"
#include "monitor/logfile.h"
#include "monitor/logger.h"
#include "base/loop.h"
#include "monitor/monitor.h"
#include "monitor/outlet.h"

struct source {
	struct watch w;
	int stream;
	bool started, ended;
	struct logline *line;
	struct watch fifo; // our write end, of a logging binary's pipe too
	int fifo_keep; // our read end: a client's death is no EPIPE; -1: a pipe
	struct outlet fifo_out;
	int file; // file:<path>, -1: none
};

static struct source sources[2];
static struct logfile log_file = {.fd = -1};
static int64_t last_byte;
static bool finished;
static char chunk[64 * 1024];
static int slave = -1;

static const char *stream_name(int stream) { return stream == 2 ? "stderr" : "stdout"; }

static void fifo_close(struct source *s) {
	if (s->fifo.fd < 0) return;
	loop_close(&s->fifo);
	if (s->fifo_keep >= 0) close(s->fifo_keep);
	s->fifo_keep = -1;
	outlet_free(&s->fifo_out);
}

static void fifo_update(struct source *s) {
	if (s->fifo.fd < 0) return;
	if (s->fifo_out.len == 0 && finished) fifo_close(s);
	else loop_watch(&s->fifo, s->fifo_out.len ? EPOLLOUT : 0);
}

static void fifo_ready(struct watch *w, uint32_t events) {
	(void)events;
	struct source *s = (struct source *)((char *)w - offsetof(struct source, fifo));
	if (outlet_drain(&s->fifo_out)) fifo_update(s);
	else fifo_close(s); // a logging binary that has ended
	output_update();
}

// Both ends are kept, each by its own descriptor, so that neither a missing nor a dead reader matters.
static int fifo_open(struct source *s, const char *path) {
	s->fifo_keep = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->fifo_keep < 0) return -1;
	s->fifo.fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->fifo.fd < 0) return -1;
	s->fifo.ready = fifo_ready;
	s->fifo_out = (struct outlet){.fd = s->fifo.fd};
	return 0;
}

// The pipe to a logging binary is fed as a FIFO is, but nobody else holds its reading end.
static void pipe_open(struct source *s, int fd) {
	s->fifo = (struct watch){.fd = fd, .ready = fifo_ready};
	s->fifo_out = (struct outlet){.fd = fd};
}

static void deliver(struct source *s, const char *data, size_t len) {
	last_byte = loop_now();
	if (log_file.fd >= 0) logfile_write(&log_file, s->line, stream_name(s->stream), data, len);
	if (s->file >= 0) (void)!write(s->file, data, len);
	if (s->fifo.fd >= 0) {
		if (outlet_push(&s->fifo_out, s->stream, data, len)) fifo_update(s);
		else fifo_close(s);
	}
	clients_push(s->stream, data, len);
}

static bool blocked(void) {
	if (monitor.dead) return false; // what is left is bounded by the pipe
	return outlet_full(&sources[0].fifo_out) || outlet_full(&sources[1].fifo_out) || clients_full() || logfile_full(&log_file);
}

// Reads once. 1: bytes, 0: nothing now, -1: the end.
static int read_source(struct source *s) {
	ssize_t n;
	do n = read(s->w.fd, chunk, sizeof chunk);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		deliver(s, chunk, (size_t)n);
		return 1;
	}
	if (n < 0 && errno == EAGAIN) return 0;
	s->ended = true; // EOF of a pipe, EIO of a terminal whose last user is gone
	loop_close(&s->w);
	return -1;
}

static void source_ready(struct watch *w, uint32_t events) {
	(void)events;
	struct source *s = (struct source *)w;
	for (int i = 0; i < 4 && !blocked(); i++)
		if (read_source(s) <= 0) break;
	output_update();
	if (monitor.dead) monitor_check_end();
}

static void source_begin(struct source *s, int fd, int stream) {
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	s->w = (struct watch){.fd = fd, .ready = source_ready};
	s->stream = stream;
	s->started = true;
}

static const char *after(const char *value, const char *prefix) {
	size_t n = strlen(prefix);
	return value && strncmp(value, prefix, n) == 0 ? value + n : NULL;
}

// One stream's sinks. Returns whether anything wants its bytes, -1 with errno and *what.
static int open_sinks(struct source *s, const char *value, const char **what) {
	const char *path;
	if ((path = after(value, "fifo:"))) {
		*what = path;
		return fifo_open(s, path) < 0 ? -1 : 1;
	}
	if ((path = after(value, "file:"))) {
		*what = path;
		s->file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		return s->file < 0 ? -1 : 1;
	}
	return value && *value ? 1 : 0;
}

int output_open(const struct frame *frame, int fds[3], const char **what) {
	static const char *const keys[] = {"stdout", "stderr"};
	const char *log = wire_get(frame, "log", NULL);
	if (log && *log) {
		*what = log;
		const char *attrs = wire_get(frame, "log_attrs", NULL), *passed = wire_get(frame, "log_passed", NULL);
		// Copies: the request's memory is given back after the create.
		struct log_rules rules = {.plain = wire_int(frame, "log_plain", 0),
		    .attrs = attrs ? strdup(attrs) : NULL,
		    .max_size = wire_int(frame, "log_max_size", 0),
		    .max_file = (int)wire_int(frame, "log_max_file", 1),
		    .compress = wire_int(frame, "log_compress", 0),
		    .passed = passed ? strdup(passed) : NULL,
		    .waits = wire_int(frame, "log_waits", 0)};
		if (logfile_open(&log_file, strdup(log), &rules) < 0) return -1;
	}
	const char *logger = wire_get(frame, "logger", NULL);
	int pipes[2] = {-1, -1};
	if (logger && logger_start(frame, pipes, what) < 0) return -1;
	for (int i = 0; i < 2; i++) {
		struct source *s = &sources[i];
		s->w.fd = s->fifo.fd = s->fifo_keep = s->file = s->fifo_out.fd = -1;
		s->ended = true;
		if (log_file.fd >= 0 && (i == 0 || !monitor.tty)) {
			s->line = malloc(sizeof *s->line);
			if (!s->line) return -1;
			s->line->len = 0;
		}
		fds[i + 1] = -1;
		if (pipes[i] >= 0 && (i == 0 || !monitor.tty)) pipe_open(s, pipes[i]);
		else if (pipes[i] >= 0) close(pipes[i]);
		if (monitor.tty && i == 1) continue;
		int wanted = open_sinks(s, wire_get(frame, keys[i], NULL), what);
		if (wanted < 0) return -1;
		// Another program is given both FIFOs or none: runc's shim does not open one alone.
		if (!monitor.remote && (monitor.tty || (!wanted && log_file.fd < 0))) continue;
		int ends[2];
		*what = "pipe";
		if ((monitor.remote ? remote_pipe(keys[i], ends) : pipe2(ends, O_CLOEXEC)) < 0) return -1;
		source_begin(s, ends[0], i + 1);
		s->ended = false;
		fds[i + 1] = ends[1];
	}
	return 0;
}

void output_terminal(int master) {
	source_begin(&sources[0], master, 1);
	sources[0].ended = false;
	// While one slave is ours, a moment without any other user is no end of the terminal.
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

void output_start(void) {
	last_byte = loop_now();
	output_update();
}

void output_update(void) {
	uint32_t events = blocked() ? 0 : EPOLLIN;
	for (int i = 0; i < 2; i++)
		if (sources[i].started && !sources[i].ended) loop_watch(&sources[i].w, events);
}

bool output_drain(void) {
	if (slave >= 0) {
		close(slave);
		slave = -1;
	}
	bool ended = true;
	for (int i = 0; i < 2; i++) {
		struct source *s = &sources[i];
		if (!s->started || s->ended) continue;
		// A writer that outlives the process must not hold the exit: 64 reads are more than a pipe holds.
		for (int reads = 0; reads < 64 && read_source(s) > 0; reads++) {}
		if (!s->ended) ended = false;
	}
	output_update();
	return ended;
}

void output_discard(void) {
	char rest[4096];

	for (int i = 0; i < 2; i++)
		while (sources[i].started && !sources[i].ended && read(sources[i].w.fd, rest, sizeof rest) > 0) {}
}

int64_t output_last(void) { return last_byte; }

void output_finish(void) {
	finished = true;
	for (int i = 0; i < 2; i++) {
		struct source *s = &sources[i];
		if (s->line) logfile_finish(&log_file, s->line, stream_name(s->stream));
		fifo_update(s);
	}
}

bool output_read(int64_t now) {
	for (int i = 0; i < 2; i++) {
		const struct outlet *o = &sources[i].fifo_out;
		if (o->fd >= 0 && o->len > 0 && !outlet_stuck(o, now, monitor.stuck_ms)) return true;
	}
	return false;
}

bool output_waits_for_log(void) { return !monitor.dead && logfile_full(&log_file); }

int output_reopen_log(void) {
	if (log_file.fd < 0) return 0;
	return logfile_reopen(&log_file);
}

uint64_t output_log_dropped(void) { return log_file.dropped; }
