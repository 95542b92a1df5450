/*
 * runc-create and runc-exec: one plan, launched for the tests of plans as gantry-runc's command line launches it.
 *
 * Descriptor 3 is a stream socket. Whoever is at its other end sends: u32 length, the plan; later "start". It gets
 * lines: "created <pid>", "started", "exited <status>", or "error <kind> <text>" (newlines in text become spaces).
 *
 *   --terminal         allocate a terminal
 *   --size ROWSxCOLS   first size of the terminal
 * Relays the terminal, ends with the process's status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "plan/plan.h"
#include "runc/caller.h"
#include "base/wire.h"

#define CONTROL 3

static void say(const char *line) {
	if (send(CONTROL, line, strlen(line), MSG_NOSIGNAL) < 0) return; /* the other half is gone; the process decides by itself */
}

static int say_error(const struct launch_error *error) {
	char line[1200];

	snprintf(line, sizeof(line), "error %s %s", launch_kind_name(error->kind), error->text);
	for (char *at = line; *at; at++)
		if (*at == '\n') *at = ' ';
	strcat(line, "\n");
	say(line);
	return launch_exit_code(error->kind, 125);
}

static int say_errno(const char *what) {
	struct launch_error error = {.kind = LAUNCH_INTERNAL, .err = errno};

	snprintf(error.text, sizeof(error.text), "%s: %s", what, strerror(errno));
	return say_error(&error);
}

static uint8_t *read_plan(uint32_t *length) {
	uint8_t *plan;

	if (read_all(CONTROL, length, 4) != 1 || *length > PLAN_LIMIT) return NULL;
	plan = malloc(*length + 1);
	if (plan && read_all(CONTROL, plan, *length) == 1) return plan;
	free(plan);
	return NULL;
}

static int await_exit(struct launch *l) {
	char line[64];
	int code = wait_for_caller(l);

	snprintf(line, sizeof(line), "exited %d\n", code);
	say(line);
	return code;
}

static bool await_start(void) {
	char line[6];

	return read_all(CONTROL, line, 6) == 1 && memcmp(line, "start\n", 6) == 0;
}

static int serve(const struct caller_wish *wish) {
	struct launch_error error;
	struct launch l;
	uint32_t length;
	uint8_t *plan = read_plan(&length);
	char line[64];
	int result;

	if (!plan) return say_errno("read the plan");
	result = launch_for_caller(wish, plan, length, &l, &error);
	free(plan);
	if (result) return say_error(&error);
	snprintf(line, sizeof(line), "created %d\n", l.pid);
	say(line);
	if (!await_start()) {
		launch_discard(&l);
		return 125;
	}
	if (launch_start(&l, &error)) {
		int code = say_error(&error);

		waitpid(l.pid, NULL, 0);
		return code;
	}
	say("started\n");
	return await_exit(&l);
}

static int parse(int argc, char **argv, struct caller_wish *wish) {
	unsigned rows, cols;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--terminal") == 0) wish->terminal = true;
		else if (strcmp(argv[i], "--size") == 0 && next && sscanf(argv[++i], "%ux%u", &rows, &cols) == 2) {
			wish->rows = (uint16_t)rows;
			wish->cols = (uint16_t)cols;
		} else {
			fprintf(stderr, "gantry-native %s: unknown argument \"%s\"\n", argv[0], argv[i]);
			return -1;
		}
	}
	return 0;
}

static int run(int argc, char **argv) {
	struct caller_wish wish = {0};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (parse(argc, argv, &wish)) return 2;
	fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
	/* Whoever is at the other end passes these on to the process itself. */
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGTERM, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	return serve(&wish);
}

int mode_runc_create(int argc, char **argv);
int mode_runc_exec(int argc, char **argv);

int mode_runc_create(int argc, char **argv) { return run(argc, argv); }

int mode_runc_exec(int argc, char **argv) { return run(argc, argv); }
