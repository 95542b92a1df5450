/*
 * runc: gantry-runc's command line. What decides nothing is done here; create, run, exec and update get their plan from the TypeScript half,
 * which is warm where one waits (planner.c); the rest is that half alone.
 */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/planner.h"

static const struct {
	const char *name;
	verb_fn *run;
} verbs[] = {{"create", verb_planned}, {"delete", verb_delete}, {"exec", verb_exec}, {"kill", verb_kill}, {"list", verb_list},
    {"pause", verb_pause}, {"ps", verb_ps}, {"resume", verb_resume}, {"run", verb_run}, {"start", verb_start}, {"state", verb_state},
    {"update", verb_planned}};

const char *cli_only_id(const struct cli *cli) {
	static const char *const names[] = {"ID"};
	const struct flag none[] = {{0}};
	struct launch_error error;
	struct words rest;

	if (read_flags(none, cli->words, false, &rest, &error) == 0 && check_words(&rest, names, 1, 1, &error) == 0) return rest.list[0];
	cli_failed(cli, &error);
	return NULL;
}

/* Absolute, or NULL without memory. */
static const char *absolute(const char *path) {
	char *cwd, *result = NULL;

	if (path[0] == '/') return path;
	cwd = getcwd(NULL, 0);
	if (asprintf(&result, "%s/%s", cwd ? cwd : "", path) < 0) result = NULL;
	free(cwd);
	return result;
}

static const char *default_root(void) {
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *result = NULL;

	if (geteuid() == 0) return "/run/gantry-runc";
	if (runtime) return asprintf(&result, "%s/gantry-runc", runtime) < 0 ? NULL : result;
	return asprintf(&result, "/run/user/%u/gantry-runc", geteuid()) < 0 ? NULL : result;
}

static int check_globals(const char *format, const char *rootless, bool systemd, struct launch_error *error) {
	if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
		return launch_failed(error, LAUNCH_INVALID, 0, "flag --log-format: \"%s\" is not text or json", format);
	if (strcmp(rootless, "true") != 0 && strcmp(rootless, "false") != 0 && strcmp(rootless, "auto") != 0)
		return launch_failed(error, LAUNCH_INVALID, 0, "flag --rootless: \"%s\" is not true, false or auto", rootless);
	if (systemd && access("/run/systemd/system", F_OK))
		return launch_failed(error, LAUNCH_INVALID, 0, "flag --systemd-cgroup: systemd does not run on this host");
	return 0;
}

/* The global flags, and the verb with its words. 0, or -1 with *error. `alone`: the TypeScript half answers by itself. */
static int read_globals(struct cli *cli, bool *alone, struct launch_error *error) {
	const char *root = NULL, *format = "text", *rootless = "auto", *unused;
	bool systemd = false, version = false, help = false;
	const struct flag flags[] = {{"root", NULL, &root, NULL}, {"log", NULL, &cli->log, NULL}, {"log-format", NULL, &format, NULL},
	    {"debug", NULL, NULL, &cli->debug}, {"systemd-cgroup", NULL, NULL, &systemd}, {"rootless", NULL, &rootless, NULL},
	    {"criu", NULL, &unused, NULL}, {"native", NULL, &unused, NULL}, {"version", "v", NULL, &version}, {"help", "h", NULL, &help}, {0}};
	struct words rest;

	if (read_flags(flags, cli->all, false, &rest, error)) return -1;
	cli->log_json = strcmp(format, "json") == 0;
	if (check_globals(format, rootless, systemd, error)) return -1;
	cli->root_given = root != NULL;
	cli->root = absolute(root ? root : default_root());
	if (!cli->root) return launch_failed(error, LAUNCH_INTERNAL, 0, "out of memory");
	*alone = version || help || rest.count == 0;
	if (*alone) return 0;
	cli->verb = rest.list[0];
	cli->words = (struct words){rest.list + 1, rest.count - 1};
	*alone = cli->words.count > 0 && (strcmp(cli->words.list[0], "--help") == 0 || strcmp(cli->words.list[0], "-h") == 0);
	return 0;
}

int mode_runc(int argc, char **argv);

/* argv[-1] is the path of this program: main.c calls with it, also from its sealed copy. */
int mode_runc(int argc, char **argv) {
	struct cli cli = {.all = {argv + 1, argc - 1}, .program = argv - 1};
	struct launch_error error;
	bool alone = false;

	if (!argv[-1] || argv[-1][0] != '/' || strlen(argv[-1]) >= sizeof(cli.native)) {
		fprintf(stderr, "gantry-runc: its own path is not known\n");
		return 1;
	}
	strcpy(cli.native, argv[-1]);
	if (read_globals(&cli, &alone, &error)) return cli_failed(&cli, &error);
	for (size_t i = 0; !alone && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, cli.verb) == 0) return verbs[i].run(&cli);
	become_planner(&cli, &error);
	return cli_failed(&cli, &error);
}
