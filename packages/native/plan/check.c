/* plan-check: reads a plan from stdin and prints its operations; exit 1 when it is malformed. For tests and people. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plan/plan.h"

int mode_plan_check(int argc, char **argv);

int mode_plan_check(int argc, char **argv) {
	static uint8_t data[PLAN_LIMIT];
	struct plan_cursor cursor;
	struct plan_op op;
	struct plan plan;
	const char *reason;
	size_t length = 0;
	ssize_t n;

	(void)argc;
	(void)argv;
	while (length < sizeof(data) && (n = read(0, data + length, sizeof(data) - length)) > 0) length += (size_t)n;
	if (plan_open(data, length, &plan, &reason)) {
		fprintf(stderr, "%s\n", reason);
		return 1;
	}
	printf("kind %u flags 0x%llx preserve %u\n", plan.kind, (unsigned long long)plan.clone_flags, plan.preserve);
	plan_rewind(&plan, &cursor);
	while (plan_next(&cursor, &op)) printf("%s\n", plan_name(op.code));
	return 0;
}
