/* kill: a signal to the first process of a container, or to all. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cgroup.h"
#include "cli/cli.h"
#include "cli/state.h"

/* The names beside those of sigabbrev_np(3). */
static const struct {
	const char *name;
	int number;
} others[] = {{"IOT", SIGIOT}, {"CLD", SIGCHLD}, {"POLL", SIGPOLL}, {"UNUSED", SIGSYS}};

static int number_of(const char *text, int most) {
	char *end;
	long number = strtol(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && number <= most ? (int)number : -1;
}

/* A number, or a name with or without SIG; RTMIN+n and RTMAX-n. -1: no such signal. */
static int read_signal(const char *text) {
	int more;

	if (isdigit((unsigned char)*text)) return number_of(text, 64);
	if (strncasecmp(text, "SIG", 3) == 0) text += 3;
	if (strncasecmp(text, "RTMIN+", 6) == 0) return (more = number_of(text + 6, 30)) < 0 ? -1 : 34 + more;
	if (strncasecmp(text, "RTMAX-", 6) == 0) return (more = number_of(text + 6, 30)) < 0 ? -1 : 64 - more;
	for (int number = 1; number < 32; number++) {
		const char *name = sigabbrev_np(number);

		if (name && strcasecmp(name, text) == 0) return number;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcasecmp(others[i].name, text) == 0) return others[i].number;
	return -1;
}

static int signal_container(const struct stored *state, int signal, bool all, struct launch_error *error) {
	if (all || (signal == SIGKILL && !has_namespace(state, "pid", true))) return cgroup_kill(state->cgroup, signal, error);
	if (!is_alive(state)) return launch_failed(error, LAUNCH_INVALID, 0, "container not running");
	if (kill(state->pid, signal)) return launch_failed(error, LAUNCH_PERMISSION, errno, "signal %d to process %d", signal, state->pid);
	/* A frozen process dies only when it is thawed. */
	if (signal == SIGKILL && cgroup_frozen(state->cgroup)) return cgroup_freeze(state->cgroup, false, error);
	return 0;
}

int verb_kill(struct cli *cli) {
	static const char *const names[] = {"ID", "SIGNAL"};
	bool all = false;
	const struct flag flags[] = {{"all", "a", NULL, &all}, {0}};
	struct launch_error error;
	struct stored state;
	struct words rest;
	int signal, result;

	if (read_flags(flags, cli->words, true, &rest, &error) || check_words(&rest, names, 1, 2, &error)) return cli_failed(cli, &error);
	signal = read_signal(rest.count > 1 ? rest.list[1] : "SIGTERM");
	if (signal < 0) {
		launch_failed(&error, LAUNCH_INVALID, 0, "unknown signal \"%s\"", rest.list[1]);
		return cli_failed(cli, &error);
	}
	if (load_state(cli, rest.list[0], &state, &error)) return cli_failed(cli, &error);
	result = signal_container(&state, signal, all, &error) ? cli_failed(cli, &error) : 0;
	free_state(&state);
	return result;
}
