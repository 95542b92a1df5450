/* pause and resume. */
#include "cli/cgroup.h"
#include "cli/cli.h"
#include "cli/state.h"

static int set_frozen(struct cli *cli, bool frozen) {
	const char *id = cli_only_id(cli);
	struct launch_error error;
	struct stored state;
	enum status status;
	int result = 0;

	if (!id) return 1;
	if (load_state(cli, id, &state, &error)) return cli_failed(cli, &error);
	status = status_of(&state);
	if (frozen && status != RUNNING && status != CREATED)
		result = launch_failed(&error, LAUNCH_INVALID, 0, "container not running or created: %s", status_name(status));
	else if (!frozen && status != PAUSED) result = launch_failed(&error, LAUNCH_INVALID, 0, "container not paused");
	else result = cgroup_freeze(state.cgroup, frozen, &error);
	free_state(&state);
	return result ? cli_failed(cli, &error) : 0;
}

int verb_pause(struct cli *cli) { return set_frozen(cli, true); }

int verb_resume(struct cli *cli) { return set_frozen(cli, false); }
