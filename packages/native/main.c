/* gantry-native: one static program in several modes, named by argv[1]. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"

typedef int mode_fn(int argc, char **argv); /* argv[0] is the mode's name; the result is the exit status */

/* A mode whose source file is not compiled in is simply absent. */
#define MODE(fn) extern mode_fn fn __attribute__((weak))
MODE(mode_helper);
MODE(mode_untar);
MODE(mode_pack);
MODE(mode_squeeze);
MODE(mode_compare);
MODE(mode_copy);
MODE(mode_usage);
MODE(mode_receive);
MODE(mode_session);
MODE(mode_tree);
MODE(mode_runc_create);
MODE(mode_runc_exec);
MODE(mode_plan_check);
MODE(mode_unmount_below);
MODE(mode_criu);
MODE(mode_runc);
MODE(mode_publish);

struct mode {
	const char *name;
	mode_fn *run;
	bool sealed; /* it forks processes that enter containers: run from a sealed copy */
};

/* Called by that name, or in runc's place, the program is gantry-runc: the words behind its path and the mode. NULL: it is not. */
static char **as_runc(int argc, char **argv) {
	static char path[4096];
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	char **words;

	if (strcmp(name, "gantry-runc") != 0 && strcmp(name, "runc") != 0) return NULL;
	words = calloc((size_t)argc + 2, sizeof(char *));
	if (!words || readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) return NULL;
	words[0] = path;
	words[1] = (char *)"runc";
	memcpy(words + 2, argv + 1, (size_t)(argc - 1) * sizeof(char *));
	return words;
}

int main(int argc, char **argv) {
	char **runc = as_runc(argc, argv);
	const struct mode modes[] = {
	    {"helper", mode_helper, true},
	    {"untar", mode_untar, false},
	    {"pack", mode_pack, false},
	    {"squeeze", mode_squeeze, false},
	    {"compare", mode_compare, false},
	    {"copy", mode_copy, false},
	    {"usage", mode_usage, false},
	    {"receive", mode_receive, false},
	    {"session", mode_session, false},
	    {"tree", mode_tree, false},
	    {"runc-create", mode_runc_create, true},
	    {"runc-exec", mode_runc_exec, true},
	    {"plan-check", mode_plan_check, false},
	    {"unmount-below", mode_unmount_below, false},
	    {"criu", mode_criu, true},
	    {"runc", mode_runc, false}, /* seals itself for the verbs that launch */
	    {"publish", mode_publish, false},
	};

	if (runc) return main(argc + 1, runc);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0 || !modes[i].run) continue;
		if (modes[i].sealed && launch_seal_self(argv)) {
			fprintf(stderr, "gantry-native: cannot seal its own binary\n");
			return 125;
		}
		return modes[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "usage: gantry-native MODE ...; modes:");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].run) fprintf(stderr, " %s", modes[i].name);
	fputc('\n', stderr);
	return 2;
}
