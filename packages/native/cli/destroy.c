#define _GNU_SOURCE
#include "cli/destroy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "cli/cgroup.h"
#include "cli/hooks.h"

#define WAIT_MS 10000

static int kill_first(const struct stored *state, struct launch_error *error) {
	const struct timespec step = {0, 5000000};

	if (!is_alive(state)) return 0;
	kill(state->pid, SIGKILL);
	for (int waited = 0; is_alive(state); waited += 5) {
		if (waited > WAIT_MS)
			return launch_failed(error, LAUNCH_INTERNAL, 0, "container \"%s\": process %d does not die", state->id, state->pid);
		nanosleep(&step, NULL);
	}
	return 0;
}

/* A container in the host's mount namespace has left its mounts there. */
static void unmount_rootfs(const struct cli *cli, const struct stored *state) {
	char *words[] = {(char *)cli->native, "unmount-below", (char *)state->rootfs, NULL};
	const int fds[3] = {-1, -1, 2};
	pid_t pid = spawn_program(words, fds, NULL, NULL);
	int status = 1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	if (status) cli_warn(cli, "not all mounts below the rootfs could be unmounted");
}

int destroy(const struct cli *cli, const struct stored *state, struct launch_error *error) {
	struct launch_error told;

	if (cgroup_kill(state->cgroup, SIGKILL, error) || kill_first(state, error) || cgroup_remove(state->cgroup, error)) return -1;
	if (!has_namespace(state, "mount", false)) unmount_rootfs(cli, state);
	forget_state(state->directory);
	if (run_hooks(state, "poststop", 0, "stopped", &told))
		cli_warn(cli, told.text); /* its failure is only told (runtime.md, "Lifecycle") */
	return 0;
}
