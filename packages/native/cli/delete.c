/* delete: what a container left is taken away. */
#include "cli/cli.h"
#include "cli/destroy.h"
#include "cli/state.h"

int verb_delete(struct cli *cli) {
	static const char *const names[] = {"ID"};
	bool force = false;
	const struct flag flags[] = {{"force", "f", NULL, &force}, {0}};
	struct launch_error error;
	struct stored state;
	struct words rest;
	enum status status;
	int result;

	if (read_flags(flags, cli->words, true, &rest, &error) || check_words(&rest, names, 1, 1, &error)) return cli_failed(cli, &error);
	if (load_state(cli, rest.list[0], &state, &error)) {
		if (!force || error.kind != LAUNCH_NOT_FOUND) return cli_failed(cli, &error);
		forget_state(state.directory);
		return 0;
	}
	status = status_of(&state);
	/* One that was only created runs too, as the specification counts (runtime.md, "Delete"). */
	if (!force && (status == CREATED || status == RUNNING || status == PAUSED))
		result =
		    launch_failed(&error, LAUNCH_INVALID, 0, "cannot delete container %s that is not stopped: %s", state.id, status_name(status));
	else result = destroy(cli, &state, &error);
	free_state(&state);
	return result ? cli_failed(cli, &error) : 0;
}
