#define _GNU_SOURCE
#include "runc/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/detached.h"
#include "runc/terminal.h"

/* The socket is bound inside DIR by a short relative name: DIR may be longer than sun_path. */
static int make_listener(const char *dir) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "start.sock"};
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0177);
	int result = here < 0 || s < 0 || chdir(dir) || bind(s, (struct sockaddr *)&address, sizeof(address)) || listen(s, 4);

	umask(mask);
	if (here < 0 || fchdir(here)) result = 1;
	close(here);
	return result ? -1 : s;
}

static int discard(struct launch *launch, const char *what, struct launch_error *error) {
	int kept = errno;

	launch_discard(launch);
	return launch_failed(error, LAUNCH_INTERNAL, kept, "%s", what);
}

int launch_for_caller(
    const struct caller_wish *wish, const uint8_t *plan, size_t length, struct launch *launch, struct launch_error *error) {
	struct launch_io io = {0, 1, 2, wish->terminal, wish->rows, wish->cols};
	int listener = -1, result;

	if (wish->listen && (listener = make_listener(wish->listen)) < 0)
		return launch_failed(error, LAUNCH_INTERNAL, errno, "listen for start");
	result = launch_create_detached(plan, length, &io, listener, launch, error);
	if (listener >= 0) close(listener);
	if (result) return -1;
	if (launch->master >= 0 && wish->console && send_descriptor(wish->console, "/dev/ptmx", launch->master))
		return discard(launch, "send the terminal to the console socket", error);
	if (wish->pidfd && send_descriptor(wish->pidfd, "pidfd", launch->pidfd))
		return discard(launch, "send the process's descriptor to the pidfd socket", error);
	if (launch->master >= 0 && !wish->console) terminal_keep_newlines(launch->master);
	return 0;
}

int wait_for_caller(struct launch *launch) {
	int status;

	if (launch->master >= 0) terminal_relay(launch->master);
	while (waitpid(launch->pid, &status, 0) < 0)
		if (errno != EINTR) return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
