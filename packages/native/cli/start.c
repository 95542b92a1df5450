/* start: lets the process of a created container go on. */
#define _GNU_SOURCE
#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/destroy.h"
#include "cli/hooks.h"

void unable_to_start(struct launch_error *error) {
	struct launch_error told = *error;

	launch_failed(error, told.kind, 0, "unable to start container process: %.900s", told.text);
}

int after_start(const struct cli *cli, const struct stored *state, struct launch_error *error) {
	struct launch_error ignored;
	char line[1200];

	/* The name by which runc's own log calls this step. */
	snprintf(line, sizeof(line), "init: closing the pipe to signal completion: the program of %s runs", state->id);
	cli_debug(cli, line);
	if (run_hooks(state, "poststart", state->pid, "running", error) == 0) return 0;
	destroy(cli, state, &ignored); /* the hook's failure is the one to tell */
	return -1;
}

/* The path may be longer than a socket's address: reached through a descriptor of the directory. */
static int dial(const char *directory) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), kept;

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/start.sock", fd);
	if (fd < 0 || s < 0 || connect(s, (struct sockaddr *)&address, sizeof(address))) {
		kept = errno;
		if (s >= 0) close(s);
		s = -1;
		errno = kept;
	}
	if (fd >= 0) close(fd);
	return s;
}

/* Says "S"; the answer is its end (the program runs) or an error: 'E', u8 kind, i32 errno, text. */
static int release(const struct stored *state, struct launch_error *error) {
	char answer[1100];
	size_t have = 0;
	ssize_t n = 1;
	int s = dial(state->directory);

	if (s < 0 || send(s, "S", 1, MSG_NOSIGNAL) != 1) {
		if (s >= 0) close(s);
		return launch_failed(error, LAUNCH_INTERNAL, errno, "reach the process of container \"%s\"", state->id);
	}
	while (have < sizeof(answer) - 1 && (n = recv(s, answer + have, sizeof(answer) - 1 - have, 0)) != 0) {
		if (n < 0 && errno != EINTR) break;
		have += n > 0 ? (size_t)n : 0;
	}
	close(s);
	if (n < 0) return launch_failed(error, LAUNCH_INTERNAL, errno, "hear from the process of container \"%s\"", state->id);
	answer[have] = 0;
	if (have < 6 || answer[0] != 'E') return 0;
	return launch_failed(error, (enum launch_kind)answer[1], 0, "%s", answer + 6);
}

int verb_start(struct cli *cli) {
	const char *id = cli_only_id(cli);
	struct launch_error error;
	struct stored state;
	enum status status;
	char path[PATH_MAX + 16];
	int result;

	if (!id) return 1;
	if (load_state(cli, id, &state, &error)) return cli_failed(cli, &error);
	status = status_of(&state);
	if (status != CREATED) {
		if (status == STOPPED) launch_failed(&error, LAUNCH_INVALID, 0, "cannot start a container that has stopped");
		else launch_failed(&error, LAUNCH_INVALID, 0, "cannot start a container in the %s state", status_name(status));
		free_state(&state);
		return cli_failed(cli, &error);
	}
	result = release(&state, &error);
	snprintf(path, sizeof(path), "%s/start.sock", state.directory);
	unlink(path);
	if (result) unable_to_start(&error);
	else result = after_start(cli, &state, &error);
	free_state(&state);
	return result ? cli_failed(cli, &error) : 0;
}
