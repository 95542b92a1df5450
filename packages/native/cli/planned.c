/* create, update, exec and run: what the planner decides, carried out here. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/seal.h"
#include "cli/cli.h"
#include "cli/conversation.h"
#include "cli/destroy.h"
#include "cli/start.h"
#include "cli/state.h"
#include "runc/caller.h"

#define EXEC_FAILED 255 /* no status of the program itself is meant by it */

static pid_t target;

static void pass_on(int signal) { kill(target, signal); }

/* Our signals are the process's, as long as we wait for it. */
static int wait_in_foreground(struct launch *launch) {
	static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

	target = launch->pid;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) sigaction(passed[i], &action, NULL);
	return wait_for_caller(launch);
}

/* Nothing that a container can write to is executed for it. */
static int seal(const struct cli *cli) {
	struct launch_error error;

	if (launch_seal_self(cli->program) == 0) return 0;
	launch_failed(&error, LAUNCH_INTERNAL, 0, "cannot seal the program's own binary");
	return cli_failed(cli, &error);
}

static int carry_out(struct cli *cli, int lost) {
	struct conversation talk;
	struct launch_error error;

	if (seal(cli)) return lost;
	if (converse(cli, &talk, &error)) {
		cli_failed(cli, &error);
		return lost;
	}
	return talk.wait ? wait_in_foreground(&talk.launch) : talk.status;
}

int verb_planned(struct cli *cli) { return carry_out(cli, 1); }

int verb_exec(struct cli *cli) { return carry_out(cli, EXEC_FAILED); }

static bool of_program(enum launch_kind kind) {
	return kind == LAUNCH_NO_PROGRAM || kind == LAUNCH_PROGRAM_REFUSED || kind == LAUNCH_PROGRAM_BROKEN;
}

/* A program that the kernel refused at execve(2) would have said so itself: the container was there. */
static int tell_unable(const struct cli *cli, const struct launch_error *why) {
	struct launch_error error;

	if (of_program(why->kind)) {
		cli_bare(cli, why->text);
		return 1;
	}
	launch_failed(&error, why->kind, 0, "error during container init: %.900s", why->text);
	unable_to_start(&error);
	return cli_failed_as(cli, "gantry-runc run failed: ", &error);
}

static int start_it(struct cli *cli, struct launch *launch, const struct stored *state) {
	struct launch_error error, ignored;

	if (launch_start(launch, &error)) {
		destroy(cli, state, &ignored); /* the first error is the one to tell */
		return tell_unable(cli, &error);
	}
	if (after_start(cli, state, &error) == 0) return 0;
	unable_to_start(&error);
	return cli_failed_as(cli, "gantry-runc run failed: ", &error);
}

struct run_flags {
	bool detach, keep;
	const char *id;
};

/* Only what is done here: the planner has read them all, and refused what cannot be. */
static int read_run(const struct cli *cli, struct run_flags *run, struct launch_error *error) {
	static const char *const names[] = {"ID"};
	static const char *text;
	static bool on;
	const struct flag flags[] = {{"bundle", "b", &text, NULL}, {"console-socket", NULL, &text, NULL}, {"pid-file", NULL, &text, NULL},
	    {"no-pivot", NULL, NULL, &on}, {"no-new-keyring", NULL, NULL, &on}, {"preserve-fds", NULL, &text, NULL},
	    {"pidfd-socket", NULL, &text, NULL}, {"no-subreaper", NULL, NULL, &on}, {"detach", "d", NULL, &run->detach},
	    {"keep", NULL, NULL, &run->keep}, {0}};
	struct words rest;

	if (read_flags(flags, cli->words, true, &rest, error) || check_words(&rest, names, 1, 1, error)) return -1;
	run->id = rest.list[0];
	return 0;
}

int verb_run(struct cli *cli) {
	struct run_flags run = {0};
	struct conversation talk;
	struct launch_error error;
	struct stored state;
	int status;

	if (read_run(cli, &run, &error)) return cli_failed_as(cli, "gantry-runc run failed: ", &error);
	if (seal(cli)) return 1;
	if (converse(cli, &talk, &error)) return cli_failed(cli, &error);
	if (!talk.launched) return talk.status;
	if (load_state(cli, run.id, &state, &error)) {
		launch_discard(&talk.launch);
		return cli_failed(cli, &error);
	}
	status = start_it(cli, &talk.launch, &state);
	if (status == 0 && !run.detach) {
		status = wait_in_foreground(&talk.launch);
		if (!run.keep && destroy(cli, &state, &error)) cli_failed(cli, &error);
	}
	free_state(&state);
	return status;
}
