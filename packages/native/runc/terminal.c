/* The caller's terminal and the container's. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "runc/terminal.h"

static struct termios saved;
static bool raw;

static void restore_terminal(void) {
	if (raw) tcsetattr(0, TCSANOW, &saved);
	raw = false;
}

int send_descriptor(const char *path, const char *name, int fd) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)name, strlen(name)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	if (s < 0 || strlen(path) >= sizeof(address.sun_path)) {
		errno = s < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	result = connect(s, (struct sockaddr *)&address, sizeof(address)) || sendmsg(s, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
	close(s);
	return result;
}

static void make_raw(void) {
	struct termios t;

	if (tcgetattr(0, &saved)) return;
	t = saved;
	cfmakeraw(&t);
	raw = tcsetattr(0, TCSANOW, &t) == 0;
	if (raw) atexit(restore_terminal);
}

static volatile sig_atomic_t resized;

static void on_resize(int signal) {
	(void)signal;
	resized = 1;
}

static void copy_size(int master) {
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0) ioctl(master, TIOCSWINSZ, &size);
}

static bool pass(int from, int to) {
	char data[16384];
	ssize_t n = read(from, data, sizeof(data)), at = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
	while (at < n) {
		ssize_t done = write(to, data + at, (size_t)(n - at));

		if (done < 0 && errno != EINTR) return false;
		at += done > 0 ? done : 0;
	}
	return n > 0;
}

/* Our terminal <-> the container's, until its last writer is gone. */
void terminal_relay(int master) {
	struct pollfd p[2] = {{0, POLLIN, 0}, {master, POLLIN, 0}};
	struct sigaction resize = {.sa_handler = on_resize};

	sigaction(SIGWINCH, &resize, NULL);
	copy_size(master);
	make_raw();
	for (;;) {
		if (resized) {
			resized = 0;
			copy_size(master);
		}
		if (poll(p, 2, -1) < 0) continue;
		if (p[1].revents && !pass(master, 1)) break;
		if (p[0].revents && !pass(0, master)) p[0].fd = -1;
	}
	restore_terminal();
}

/* The terminal at our end turns a newline into what it needs; twice would be once too often. */
void terminal_keep_newlines(int master) {
	struct termios t;

	if (tcgetattr(master, &t) == 0) {
		t.c_oflag &= ~(tcflag_t)ONLCR;
		tcsetattr(master, TCSANOW, &t);
	}
}
