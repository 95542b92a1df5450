#define _GNU_SOURCE
#include "monitor/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/attach.h"
#include "monitor/remote.h"
#include "base/loop.h"
#include "monitor/monitor.h"

static struct watch sink = {.fd = -1}; // pipe or a copy of the terminal's master
static struct watch fifo = {.fd = -1};
static int fifo_place = -1; // the FIFO until the process runs: an O_PATH descriptor, which is no reader
static int fifo_keep = -1; // our write end: a client's death is no EOF
static bool wanted, once, closing;
static bool close_asked; // by CloseIO, while the FIFO was not open
static char pending[32 * 1024];
static size_t pending_at, pending_len;

static void close_sink(void) {
	if (sink.fd < 0) return;
	loop_close(&sink);
	if (monitor.remote && !monitor.dead) clients_tell_stdin_closed();
}

static void update(void) {
	loop_watch(&sink, pending_len ? EPOLLOUT : 0);
	loop_watch(&fifo, pending_len || sink.fd < 0 ? 0 : EPOLLIN);
}

static void flush(void) {
	while (pending_len > 0) {
		ssize_t n = write(sink.fd, pending + pending_at, pending_len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno == EAGAIN) break;
		if (n <= 0) { // EPIPE: nobody reads stdin any more
			pending_len = 0;
			close_sink();
			break;
		}
		pending_at += (size_t)n;
		pending_len -= (size_t)n;
	}
	if (pending_len == 0 && closing) close_sink();
	update();
}

static void sink_ready(struct watch *w, uint32_t events) {
	(void)w;
	(void)events;
	flush();
	if (pending_len == 0) clients_update();
}

static void fifo_ready(struct watch *w, uint32_t events) {
	(void)events;
	char buf[sizeof pending];
	ssize_t n = read(w->fd, buf, sizeof buf);
	if (n > 0) {
		input_push(buf, (size_t)n);
	} else if (n == 0) {
		loop_close(&fifo);
		input_close();
	}
}

static void sink_begin(int fd) {
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	sink = (struct watch){.fd = fd, .ready = sink_ready};
}

int input_open(const struct frame *frame, int *fd, const char **what) {
	const char *value = wire_get(frame, "stdin", NULL);
	once = wire_int(frame, "stdin_once", 0);
	*fd = -1;
	wanted = value && *value;
	if (!wanted) return 0;
	if (strncmp(value, "fifo:", 5) == 0) {
		*what = value + 5;
		struct stat st;
		fifo_place = open(value + 5, O_PATH | O_CLOEXEC);
		if (fifo_place < 0 || fstat(fifo_place, &st) < 0) return -1;
		if (!S_ISFIFO(st.st_mode)) {
			errno = EINVAL;
			return -1;
		}
	}
	if (monitor.tty && !monitor.remote) return 0;
	int ends[2];
	*what = "pipe";
	if ((monitor.remote ? remote_pipe("stdin", ends) : pipe2(ends, O_CLOEXEC)) < 0) return -1;
	*fd = ends[0];
	sink_begin(ends[1]);
	update();
	return 0;
}

void input_terminal(int master) {
	int fd = wanted ? fcntl(master, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd >= 0) sink_begin(fd);
	update();
}

int input_open_fifo(void) {
	if (fifo_place < 0) return 0;
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fifo_place);
	fifo = (struct watch){.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), .ready = fifo_ready};
	if (fifo.fd >= 0 && !close_asked) fifo_keep = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	bool opened = fifo.fd >= 0 && (close_asked || fifo_keep >= 0);
	close(fifo_place);
	fifo_place = -1;
	if (!opened) return -1;
	// No end is reported of a FIFO that nobody has opened for writing since: it has to be asked for.
	if (close_asked && sink.fd >= 0) fifo_ready(&fifo, 0);
	update();
	return 0;
}

bool input_closed(void) { return wanted && sink.fd < 0; }

bool input_full(void) { return pending_len > 0; }

void input_push(const char *data, size_t len) {
	if (sink.fd < 0 || closing) return;
	if (len > sizeof pending) len = sizeof pending;
	memcpy(pending, data, len);
	pending_at = 0;
	pending_len = len;
	flush();
}

void input_close(void) {
	if (monitor.tty) return;
	closing = true;
	flush();
}

void input_client_left(void) {
	if (once) input_close();
}

void input_close_io(void) {
	if (fifo_place >= 0) {
		close_asked = true;
	} else if (fifo_keep >= 0) {
		close(fifo_keep);
		fifo_keep = -1;
	} else if (fifo.fd < 0) {
		input_close();
	}
}

void input_end(void) {
	pending_len = 0;
	loop_close(&sink);
	loop_close(&fifo);
	if (fifo_keep >= 0) close(fifo_keep);
	if (fifo_place >= 0) close(fifo_place);
	fifo_keep = fifo_place = -1;
}
