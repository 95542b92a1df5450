/*
 * criu: runs criu as a service of one caller (`criu swrk`) and passes its messages on; the TypeScript half speaks its protocol.
 *
 *   gantry-native criu PROGRAM [CONSOLE-SOCKET]
 *
 * 0, 1, 2 are inherited by criu (and by what it restores); 3 is the directory of the images, 4 that of the logs, 5 a stream socket to the
 * TypeScript half. Frames on it: u32 length of the rest, one letter, bytes.
 *   to us:    'M' a message for criu; 'W' i32 pid: wait for the restored process, end with its status; 'L' leave
 *   from us:  'P' i32 pid of criu, first; 'M' a message of criu; 'E' i32 exit status of criu
 * A descriptor in a message of criu is the restored terminal's master: it goes to the console socket, or is relayed while we wait.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runc/terminal.h"
#include "base/wire.h"

#define CONTROL 5
#define LIMIT (256 * 1024)

static uint8_t buffer[LIMIT];

static void tell(char letter, const void *data, uint32_t size) {
	uint32_t length = size + 1;
	struct {
		const void *at;
		size_t n;
	} parts[] = {{&length, 4}, {&letter, 1}, {data, size}};

	for (size_t i = 0; i < 3; i++) {
		const uint8_t *at = parts[i].at;
		size_t n = parts[i].n;

		while (n) {
			ssize_t done = send(CONTROL, at, n, MSG_NOSIGNAL);

			if (done < 0 && errno != EINTR) return; /* the other half is gone: its end is seen by read */
			if (done > 0) {
				at += done;
				n -= (size_t)done;
			}
		}
	}
}

static pid_t start(const char *program, int sockets[2]) {
	char number[16];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) return -1;
	pid = fork();
	if (pid == 0) {
		int fd = fcntl(sockets[1], F_DUPFD, 6);

		snprintf(number, sizeof(number), "%d", fd);
		close(3);
		close(4);
		execlp(program, program, "swrk", number, (char *)NULL);
		_exit(127);
	}
	close(sockets[1]);
	return pid;
}

/* One message of criu; false at its end. A descriptor in it replaces *master. */
static bool pass_on(int socket, const char *console, int *master) {
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {buffer, sizeof(buffer)};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (n < 0 && errno == EINTR) return true;
	if (n <= 0) return false;
	c = CMSG_FIRSTHDR(&head);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		if (*master >= 0) close(*master);
		memcpy(master, CMSG_DATA(c), sizeof(int));
		if (console && send_descriptor(console, "/dev/ptmx", *master) == 0) {
			close(*master);
			*master = -1;
		}
	}
	tell('M', buffer, (uint32_t)n);
	return true;
}

static int wait_for(pid_t pid, int master) {
	int status;

	if (master >= 0) {
		terminal_keep_newlines(master);
		terminal_relay(master);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Ends a process and all that it started: children of a dead one would be nobody's to find. */
static void kill_tree(pid_t pid) {
	char path[64];
	pid_t child;
	FILE *children;

	kill(pid, SIGSTOP); /* so that no further ones begin */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &child) == 1) kill_tree(child);
	if (children) fclose(children);
	kill(pid, SIGKILL);
}

/* criu says nothing more: it ends by itself, or when whoever asked is gone. */
static void reap(pid_t criu) {
	struct pollfd asked = {CONTROL, 0, 0};
	int status = 0;
	int32_t code;
	pid_t ended;

	while ((ended = waitpid(criu, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR))
		if (poll(&asked, 1, 20) > 0) kill_tree(criu);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	tell('E', &code, 4);
}

int mode_criu(int argc, char **argv);

int mode_criu(int argc, char **argv) {
	const char *console = argc > 2 ? argv[2] : NULL;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	int sockets[2], master = -1;
	int32_t number;
	pid_t criu;

	if (argc < 2) {
		fprintf(stderr, "usage: gantry-native criu PROGRAM [CONSOLE-SOCKET]\n");
		return 2;
	}
	fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	criu = start(argv[1], sockets);
	if (criu < 0) return 125;
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGTERM, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	number = criu;
	tell('P', &number, 4);
	for (;;) {
		struct pollfd p[2] = {{CONTROL, POLLIN, 0}, {sockets[0], POLLIN, 0}};
		uint32_t length;

		if (poll(p, 2, -1) < 0) continue;
		if (p[1].revents && !pass_on(sockets[0], console, &master)) {
			close(sockets[0]);
			sockets[0] = -1;
			reap(criu);
		}
		if (!p[0].revents) continue;
		if (read_all(CONTROL, &length, 4) != 1 || length < 1 || length > sizeof(buffer) || read_all(CONTROL, buffer, length) != 1) {
			/* whoever asked is gone, or does not want it any more */
			if (sockets[0] >= 0) kill_tree(criu);
			waitpid(criu, NULL, 0);
			return 125;
		}
		if (buffer[0] == 'L') return 0;
		if (buffer[0] == 'W' && length == 5) {
			memcpy(&number, buffer + 1, 4);
			return wait_for(number, master);
		}
		if (buffer[0] == 'M' && sockets[0] >= 0 && send(sockets[0], buffer + 1, length - 1, MSG_NOSIGNAL) < 0)
			fprintf(stderr, "gantry-native: send to criu: %s\n", strerror(errno));
	}
}
