/* ps: the processes of a container, as the host's ps shows them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "cli/cgroup.h"
#include "cli/cli.h"
#include "cli/state.h"

/* The number in the column of that index, -1 where there is none. */
static long number_at(const char *line, int column) {
	for (int i = 0;; i++) {
		line += strspn(line, " \t");
		if (!*line || *line == '\n') return -1;
		if (i == column) return strtol(line, NULL, 10);
		line += strcspn(line, " \t\n");
	}
}

static int column_of(const char *head, const char *name) {
	size_t length = strlen(name);

	for (int i = 0;; i++) {
		head += strspn(head, " \t");
		if (!*head || *head == '\n') return -1;
		if (strcspn(head, " \t\n") == length && strncmp(head, name, length) == 0) return i;
		head += strcspn(head, " \t\n");
	}
}

static bool holds(const struct pids *pids, long pid) {
	for (size_t i = 0; i < pids->count; i++)
		if (pids->list[i] == pid) return true;
	return false;
}

static int filter(FILE *from, const struct pids *pids, struct launch_error *error) {
	char *line = NULL;
	size_t room = 0;
	int column = -1;

	for (bool first = true; getline(&line, &room, from) > 0; first = false) {
		if (first) column = column_of(line, "PID");
		if (column < 0) break;
		if (first || holds(pids, number_at(line, column))) fputs(line, stdout);
	}
	free(line);
	return column < 0 ? launch_failed(error, LAUNCH_INVALID, 0, "the ps options give no PID column") : 0;
}

/* The host's ps, never one of the image. */
static int print_table(const struct pids *pids, char **options, struct launch_error *error) {
	char *everything[] = {"/bin/ps", "-ef", NULL}, **argv = everything;
	int ends[2], result, status = 0, count = 0;

	while (options[count]) count++;
	if (count && (argv = calloc((size_t)count + 2, sizeof(char *)))) {
		argv[0] = everything[0];
		memcpy(argv + 1, options, (size_t)count * sizeof(char *));
	}
	if (!argv || pipe(ends)) return launch_failed(error, LAUNCH_INTERNAL, errno, "run ps");
	const int fds[3] = {-1, ends[1], 2};
	pid_t pid = spawn_program(argv, fds, NULL, NULL);
	close(ends[1]);
	FILE *from = fdopen(ends[0], "r");
	result = pid > 0 && from ? filter(from, pids, error) : launch_failed(error, LAUNCH_INTERNAL, errno, "run ps");
	if (from) fclose(from);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	if (argv != everything) free(argv);
	if (result == 0 && status != 0) return launch_failed(error, LAUNCH_INTERNAL, 0, "ps ended with %d", WEXITSTATUS(status));
	return result;
}

int verb_ps(struct cli *cli) {
	static const char *const names[] = {"ID"};
	const char *format = "table";
	const struct flag flags[] = {{"format", "f", &format, NULL}, {0}};
	struct launch_error error;
	struct stored state;
	struct words rest;
	struct pids pids;
	int result = 0;

	if (read_flags(flags, cli->words, false, &rest, &error) || check_words(&rest, names, 1, rest.count + 1, &error))
		return cli_failed(cli, &error);
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) {
		launch_failed(&error, LAUNCH_INVALID, 0, "format \"%s\" is not table or json", format);
		return cli_failed(cli, &error);
	}
	if (load_state(cli, rest.list[0], &state, &error)) return cli_failed(cli, &error);
	pids = cgroup_pids(state.cgroup);
	if (strcmp(format, "table") == 0) {
		result = print_table(&pids, rest.list + 1, &error);
	} else {
		printf("[");
		for (size_t i = 0; i < pids.count; i++) printf("%s%d", i ? "," : "", pids.list[i]);
		printf("]\n");
	}
	free(pids.list);
	free_state(&state);
	return result ? cli_failed(cli, &error) : 0;
}
