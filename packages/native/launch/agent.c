/* The agent behind SCMP_ACT_NOTIFY is connected to before anything else: its path is the host's. What it is told: init/agent.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "launch/setup.h"

int connect_agent(struct setup *s, struct plan_op *op) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (op->f[0].n >= sizeof(address.sun_path))
		return launch_failed(s->error, LAUNCH_INVALID, ENAMETOOLONG, "linux.seccomp.listenerPath \"%s\"", op->f[0].s);
	strcpy(address.sun_path, op->f[0].s);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int err = errno;

		close_fd(&fd);
		return launch_failed(
		    s->error, LAUNCH_INVALID, err, "failed to connect with seccomp agent at linux.seccomp.listenerPath \"%s\"", op->f[0].s);
	}
	s->child.agent = fd;
	return 0;
}
