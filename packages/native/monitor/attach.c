#define _GNU_SOURCE
#include "monitor/attach.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/control.h"
#include "monitor/hold.h"
#include "monitor/input.h"
#include "base/json.h"
#include "base/loop.h"
#include "monitor/monitor.h"
#include "monitor/outlet.h"
#include "monitor/output.h"

#define REQUEST_MAX 4096
#define CLIENTS_MAX 256

enum mode {
	MODE_REQUEST, // its line is awaited
	MODE_CONTROL, // one line after the other; events are pushed
	MODE_ATTACHED, // output to it, stdin from it
	MODE_WAITING, // told the exit
	MODE_CLOSING, // what is queued is sent, then it is closed
};

struct client {
	struct watch w;
	struct client *next;
	enum mode mode;
	bool stdin, in_ended, gone;
	bool holds; // the process is to end when this one leaves
	struct outlet out;
	char *line; // REQUEST_MAX bytes, while requests are read
	size_t have;
};

static struct client *clients;
static struct watch listener = {.fd = -1};
static int client_count;
unsigned clients_dropped;

static void update(struct client *c) {
	if (c->gone) return;
	if (c->mode == MODE_CLOSING && c->out.len == 0) {
		c->gone = true;
		return;
	}
	uint32_t events = c->out.len ? EPOLLOUT : 0;
	if (c->mode == MODE_ATTACHED && !c->in_ended && c->stdin && input_full()) {
		if (c->holds) events |= EPOLLHUP; // its leaving is what matters, not what it has said
		// Of others nothing is read, so a hang-up could only spin; it is seen when there is room again.
	} else if (c->mode == MODE_CLOSING || c->in_ended) {
		events |= EPOLLHUP;
	} else {
		events |= EPOLLIN;
	}
	loop_watch(&c->w, events);
}

static void answer(struct client *c, const char *text) {
	bool framed = c->out.framed;
	c->out.framed = false;
	if (!outlet_push(&c->out, 0, text, strlen(text))) c->gone = true;
	c->out.framed = framed;
}

static void end_input(struct client *c) {
	if (c->in_ended) return;
	c->in_ended = true;
	if (c->mode == MODE_ATTACHED && c->stdin) input_client_left();
}

static void attach(struct client *c) {
	char text[64];
	if (json_bool(c->line, "logs", false)) {
		answer(c, "{\"ok\":false,\"code\":\"invalid\",\"error\":\"logs are read from the log file\"}\n");
		c->mode = MODE_CLOSING;
		return;
	}
	c->stdin = json_bool(c->line, "stdin", false);
	c->holds = json_bool(c->line, "hold", false);
	snprintf(text, sizeof text, "{\"ok\":true,\"tty\":%s}\n", monitor.tty ? "true" : "false");
	answer(c, text);
	c->out.framed = !monitor.tty;
	c->out.mask = (json_bool(c->line, "stdout", false) ? 1u << 1 : 0) | (json_bool(c->line, "stderr", false) ? 1u << 2 : 0);
	c->mode = monitor.status == STATUS_STOPPED ? MODE_CLOSING : MODE_ATTACHED;
}

// One complete request stands in c->line.
static void serve(struct client *c) {
	char op[32], text[CONTROL_ANSWER];
	json_string(c->line, "op", op, sizeof op);
	if (c->mode == MODE_REQUEST && strcmp(op, "attach") == 0) {
		attach(c);
		return;
	}
	if (strcmp(op, "wait") == 0 && monitor.status != STATUS_STOPPED) {
		c->mode = MODE_WAITING;
		return;
	}
	control_answer(op, c->line, text, sizeof text);
	answer(c, text);
	if (c->mode == MODE_REQUEST) c->mode = strcmp(op, "control") == 0 ? MODE_CONTROL : MODE_CLOSING;
}

static void read_requests(struct client *c) {
	ssize_t n = recv(c->w.fd, c->line + c->have, REQUEST_MAX - c->have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0) {
		c->gone = true;
		return;
	}
	c->have += (size_t)n;
	char *end;
	while ((c->mode == MODE_REQUEST || c->mode == MODE_CONTROL) && (end = memchr(c->line, '\n', c->have))) {
		*end = 0;
		serve(c);
		size_t used = (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->have - used);
		c->have -= used;
	}
	if (c->mode == MODE_ATTACHED && c->have && c->stdin) input_push(c->line, c->have);
	if (c->mode == MODE_ATTACHED) {
		free(c->line);
		c->line = NULL;
	} else if (c->have >= REQUEST_MAX) {
		answer(c, "{\"ok\":false,\"code\":\"invalid\",\"error\":\"request too long\"}\n");
		c->mode = MODE_CLOSING;
	}
}

static void read_stdin(struct client *c) {
	char buf[16 * 1024];
	ssize_t n = recv(c->w.fd, buf, sizeof buf, MSG_DONTWAIT);
	if (n > 0) {
		if (c->stdin) input_push(buf, (size_t)n);
	} else if (n == 0) {
		end_input(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		c->gone = true;
	}
}

static void ready(struct watch *w, uint32_t events) {
	struct client *c = (struct client *)w;
	bool was_full = outlet_full(&c->out), stdin_full = input_full();
	if ((events & EPOLLOUT) && !outlet_drain(&c->out)) c->gone = true;
	if (c->mode == MODE_ATTACHED && c->holds && (events & (EPOLLHUP | EPOLLERR))) c->gone = true;
	if (!c->gone && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		if (c->mode == MODE_REQUEST || c->mode == MODE_CONTROL) read_requests(c);
		else if (c->mode != MODE_CLOSING && !c->in_ended) read_stdin(c);
		else if (events & (EPOLLHUP | EPOLLERR)) c->gone = true;
	}
	update(c);
	if (stdin_full != input_full()) clients_update();
	if (was_full) output_update();
}

static void accept_client(struct watch *w, uint32_t events) {
	(void)events;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) return;
	struct client *c = client_count < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
	if (c) c->line = malloc(REQUEST_MAX + 1);
	if (!c || !c->line) {
		free(c);
		close(fd);
		return;
	}
	c->w = (struct watch){.fd = fd, .ready = ready};
	c->out = (struct outlet){.fd = fd, .socket = true};
	c->next = clients;
	clients = c;
	client_count++;
	read_requests(c); // the request is often there already
	update(c);
}

int clients_listen(const char *path) {
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) > 100) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	listener = (struct watch){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .ready = accept_client};
	if (listener.fd < 0) return -1;
	mode_t mask = umask(0177);
	int r = bind(listener.fd, (struct sockaddr *)&addr, sizeof addr);
	umask(mask);
	if (r < 0 || listen(listener.fd, 64) < 0) return -1;
	loop_watch(&listener, EPOLLIN);
	return 0;
}

void clients_stop_listening(const char *path) {
	loop_close(&listener);
	unlink(path);
}

void clients_push(int stream, const char *data, size_t len) {
	for (struct client *c = clients; c; c = c->next) {
		if (c->gone || c->mode != MODE_ATTACHED || !(c->out.mask & (1u << stream))) continue;
		if (!outlet_push(&c->out, stream, data, len)) {
			c->gone = true;
			end_input(c);
		}
		update(c);
	}
}

bool clients_full(void) {
	for (struct client *c = clients; c; c = c->next)
		if (!c->gone && outlet_full(&c->out)) return true;
	return false;
}

void clients_update(void) {
	for (struct client *c = clients; c; c = c->next) update(c);
}

void clients_tell_exit(void) {
	char text[CONTROL_ANSWER];
	for (struct client *c = clients; c; c = c->next) {
		if (c->gone) continue;
		if (c->mode == MODE_WAITING) {
			control_answer("wait", "{}", text, sizeof text);
			answer(c, text);
			c->mode = MODE_CLOSING;
		} else if (c->mode == MODE_CONTROL) {
			control_exit_event(text, sizeof text);
			answer(c, text);
		} else if (c->mode == MODE_ATTACHED) {
			c->mode = MODE_CLOSING;
		}
		update(c);
	}
}

static void tell_control(const char *text) {
	for (struct client *c = clients; c; c = c->next) {
		if (c->gone || c->mode != MODE_CONTROL) continue;
		answer(c, text);
		update(c);
	}
}

void clients_tell_oom(void) { tell_control("{\"event\":\"oom\"}\n"); }

void clients_tell_stdin_closed(void) { tell_control("{\"event\":\"stdin_closed\"}\n"); }

void clients_close_idle(void) {
	for (struct client *c = clients; c; c = c->next) {
		if (c->mode != MODE_CLOSING) c->mode = MODE_CLOSING;
		update(c);
	}
}

// Unread bytes at close would reach the client as a reset, after the last output.
static void hang_up(int fd) {
	char rest[4096];
	shutdown(fd, SHUT_RDWR);
	while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {}
}

// Whoever holds a control connection writes the log.
static void drop(struct client *c) {
	struct ucred who = {.pid = 0, .uid = (uid_t)-1};
	socklen_t size = sizeof who;
	char text[160];
	getsockopt(c->w.fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	c->gone = true;
	clients_dropped++;
	snprintf(text, sizeof text, "{\"event\":\"client_dropped\",\"client_pid\":%d,\"client_uid\":%lld,\"unread\":%zu,\"stuck_ms\":%lld}\n",
	    who.pid, (long long)who.uid, c->out.len, (long long)monitor.stuck_ms);
	tell_control(text);
}

int clients_sweep(int64_t now) {
	bool freed = false;
	for (struct client *c = clients; c; c = c->next)
		// One that holds nobody up may take its time, but not for ever once the monitor is to leave.
		if (!c->gone && (outlet_full(&c->out) || monitor.released) && outlet_stuck(&c->out, now, monitor.stuck_ms)) drop(c);
	for (struct client **at = &clients; *at;) {
		struct client *c = *at;
		if (!c->gone) {
			at = &c->next;
			continue;
		}
		end_input(c);
		if (c->holds && c->mode == MODE_ATTACHED) hold_left();
		*at = c->next;
		hang_up(c->w.fd);
		loop_close(&c->w);
		outlet_free(&c->out);
		free(c->line);
		free(c);
		client_count--;
		freed = true;
	}
	if (freed) output_update();
	return client_count;
}
