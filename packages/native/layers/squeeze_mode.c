/*
 * Mode `squeeze`: gzip of stdin.
 *
 *   gantry-native squeeze --level 0..9 [--skip N]
 *
 * The compressed bytes go to descriptor 3, without the first N of them; one JSON line goes to stdout in the end: {"digest","size","diffId"}, of all that was
 * compressed. The same bytes at the same level are the same bytes again. Failures as in untar.c.
 */
#define _GNU_SOURCE
#include "layers/squeeze.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT 3

int mode_squeeze(int argc, char **argv);

int mode_squeeze(int argc, char **argv) {
	static unsigned char buffer[SQUEEZE_BLOCK];
	int level = SQUEEZE_PLAIN;
	uint64_t skip = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--level") == 0 && i + 1 < argc) level = atoi(argv[++i]);
		else if (strcmp(argv[i], "--skip") == 0 && i + 1 < argc) skip = strtoull(argv[++i], NULL, 10);
		else return untar_fail("io", "unknown flag or missing value: %s", argv[i]) < 0;
	}
	if (level < 0 || level > SQUEEZE_MOST) return untar_fail("invalid", "gzip has no level %d", level) < 0;
	struct squeeze *z = squeeze_new(OUTPUT, level, skip);
	if (!z) return untar_fail("io", "out of memory") < 0;
	for (;;) {
		ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return untar_fail_at("read", "what is to be compressed") < 0;
		if (n == 0) break;
		if (squeeze_put(z, buffer, (size_t)n) < 0) return untar_fail_at("write", "what was compressed") < 0;
	}
	struct squeeze_outcome outcome;
	if (squeeze_end(z, &outcome) < 0) return untar_fail_at("write", "what was compressed") < 0;
	squeeze_report(&outcome);
	return 0;
}
