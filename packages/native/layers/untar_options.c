#define _GNU_SOURCE
#include "layers/untar_options.h"
#include "base/id_ranges.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t number(const char *text, const char *flag) {
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno || *end || n < 0) {
		untar_fail("io", "%s wants a number, not %s", flag, text);
		exit(1);
	}
	return n;
}

int untar_options_read(int argc, char **argv, struct untar_options *o) {
	o->uid = o->gid = -1;
	o->max_bytes = INT64_MAX;
	o->max_entries = INT64_MAX;
	o->parents = calloc((size_t)argc + 1, sizeof *o->parents);
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(argv[i], "--overlay") == 0) o->overlay = true;
		else if (strcmp(argv[i], "--follow") == 0) o->follow = true;
		else if (strcmp(argv[i], "--gzip") == 0) o->gzip = true;
		else if (strcmp(argv[i], "--adopt") == 0) o->adopt = true;
		else if (strcmp(argv[i], "--copy") == 0) o->copy = true;
		else if (strcmp(argv[i], "--keep-kinds") == 0) o->keep_kinds = true;
		else if (!value) return untar_fail("io", "unknown flag or missing value: %s", argv[i]);
		else if (strcmp(argv[i], "--root") == 0) o->root = argv[++i];
		else if (strcmp(argv[i], "--remove") == 0) o->remove = argv[++i];
		else if (strcmp(argv[i], "--into") == 0) o->into = argv[++i];
		else if (strcmp(argv[i], "--owner") == 0) {
			char *colon = strchr(argv[++i], ':');
			if (!colon) return untar_fail("io", "--owner wants UID:GID, not %s", argv[i]);
			*colon = 0;
			o->uid = number(argv[i], "--owner");
			o->gid = number(colon + 1, "--owner");
		} else if (strcmp(argv[i], "--uid-map") == 0 || strcmp(argv[i], "--gid-map") == 0) {
			const char *flag = argv[i];
			if (!id_ranges_read(flag[2] == 'u' ? &uid_ranges : &gid_ranges, argv[++i]))
				return untar_fail("io", "%s wants INSIDE:OUTSIDE:COUNT, not %s", flag, argv[i]);
		} else if (strcmp(argv[i], "--parent") == 0) o->parents[o->parent_count++] = argv[++i];
		else if (strcmp(argv[i], "--max-bytes") == 0) o->max_bytes = number(argv[++i], "--max-bytes");
		else if (strcmp(argv[i], "--max-entries") == 0) o->max_entries = number(argv[++i], "--max-entries");
		else return untar_fail("io", "unknown flag: %s", argv[i]);
	}
	return o->root && o->parents ? 0 : untar_fail("io", "--root is missing");
}
