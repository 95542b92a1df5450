/* gantry-native: one static program in several modes, named by argv[1]. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/seal.h"

typedef int mode_fn(int argc, char **argv); /* argv[0] is the mode's name; the result is the exit status */

/* A mode whose source file is not compiled in is simply absent. */
#define MODE(fn) extern mode_fn fn __attribute__((weak))
MODE(mode_helper);
MODE(mode_untar);
MODE(mode_pack);
MODE(mode_compare);
MODE(mode_copy);
MODE(mode_runc_create);
MODE(mode_runc_exec);
MODE(mode_plan_check);
MODE(mode_unmount_below);
MODE(mode_criu);
MODE(mode_publish);

struct mode {
	const char *name;
	mode_fn *run;
	bool sealed; /* it forks processes that enter containers: run from a sealed copy */
};

int main(int argc, char **argv) {
	const struct mode modes[] = {
	    {"helper", mode_helper, true},
	    {"untar", mode_untar, false},
	    {"pack", mode_pack, false},
	    {"compare", mode_compare, false},
	    {"copy", mode_copy, false},
	    {"runc-create", mode_runc_create, true},
	    {"runc-exec", mode_runc_exec, true},
	    {"plan-check", mode_plan_check, false},
	    {"unmount-below", mode_unmount_below, false},
	    {"criu", mode_criu, true},
	    {"publish", mode_publish, false},
	};

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
