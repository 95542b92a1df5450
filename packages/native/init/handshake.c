/* The child's end of the hand-shake, and its last words. The parent's end: launch/serve.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/child.h"

static const char *lower_error(int err) {
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(err));
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') text[0] = (char)(text[0] + 32);
	return text;
}

__attribute__((noreturn)) static void report(struct child *c, enum launch_kind kind, int err, const char *format, va_list args) {
	char message[1024] = {SYNC_ERROR, (char)kind};
	int32_t number = err;
	int at = 6, n;

	memcpy(message + 2, &number, 4);
	n = vsnprintf(message + at, sizeof(message) - (size_t)at - 140, format, args);
	at += n < 0 ? 0 : n > 870 ? 870 : n;
	if (err) at += snprintf(message + at, sizeof(message) - (size_t)at, ": %s", lower_error(err));
	if (c->sync >= 0 && write(c->sync, message, (size_t)at) < 0) _exit(125);
	_exit(launch_exit_code(kind, 125));
}

void child_die(struct child *c, enum launch_kind kind, int err, const char *format, ...) {
	va_list args;

	va_start(args, format);
	report(c, kind, err, format, args);
}

/* A step of the set-up that fails is never "command not found": only the search for the program says so. */
void child_fail(struct child *c, int err, const char *format, ...) {
	enum launch_kind kind = kind_of_errno(err);
	va_list args;

	va_start(args, format);
	report(c, kind == LAUNCH_INVALID ? kind : LAUNCH_INTERNAL, err, format, args);
}

void child_send(struct child *c, const void *data, size_t n, int fd) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)data, n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *head;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(int));
	}
	if (sendmsg(c->sync, &message, MSG_NOSIGNAL) < 0) _exit(125);
}

void child_await(struct child *c, char letter) {
	char message[8];
	ssize_t n;

	do n = read(c->sync, message, sizeof(message));
	while (n < 0 && errno == EINTR);
	if (n < 1 || message[0] != letter) _exit(125); /* whoever launched us is gone */
	if (letter == SYNC_GO && n >= 5) memcpy(&c->self, message + 1, 4);
}

int child_receive(struct child *c, char letter) {
	char message[8], control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {message, sizeof(message)};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *given;
	int fd = -1;
	ssize_t n;

	do n = recvmsg(c->sync, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	given = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	if (n < 1 || message[0] != letter || !given || given->cmsg_type != SCM_RIGHTS)
		_exit(125); /* whoever launched us is gone, or has no tree for us: it knows why */
	memcpy(&fd, CMSG_DATA(given), sizeof(int));
	return fd;
}

/* Start comes over the hand-shake, or (detached) from the first that connects to the listener. */
void child_wait_start(struct child *c) {
	if (c->listener >= 0) {
		int peer;

		close(c->sync);
		c->sync = -1;
		do peer = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
		while (peer < 0 && (errno == EINTR || errno == ECONNABORTED));
		if (peer < 0) _exit(125);
		close(c->listener);
		c->sync = peer;
	}
	child_await(c, SYNC_START);
}
