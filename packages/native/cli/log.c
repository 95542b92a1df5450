/* Where callers look for the reason of a failure: the file of --log in runc's form (JSON lines or logfmt), and stderr. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"

static char *line_of(bool json, const char *level, const char *text) {
	size_t room = strlen(text) * 6 + 8;
	char *escaped = malloc(room), *line = NULL, stamp[32];
	time_t now = time(NULL);
	struct tm utc;

	if (!escaped) return NULL;
	json_escape(text, escaped, room);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	if (asprintf(&line, json ? "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n" : "", level, escaped, stamp) < 0) line = NULL;
	if (!json) {
		free(line);
		if (asprintf(&line, "time=\"%s\" level=%s msg=\"%s\"\n", stamp, level, escaped) < 0) line = NULL;
	}
	free(escaped);
	return line;
}

static bool append(const char *path, const char *line) {
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);

	if (fd >= 0) close(fd);
	return done;
}

/* A log that cannot be written never hides the error. */
static void write_log(const struct cli *cli, const char *level, const char *text) {
	char *line = line_of(cli->log_json, level, text);

	if (!line) return;
	if (!cli->log) dprintf(2, "%s", line);
	else if (!append(cli->log, line)) dprintf(2, "%slog \"%s\": %s\n", line, cli->log, strerror(errno));
	else if (strcmp(level, "error") == 0) dprintf(2, "%s\n", text);
	free(line);
}

int cli_failed_as(const struct cli *cli, const char *prefix, const struct launch_error *error) {
	char text[sizeof(error->text) + 128];

	snprintf(text, sizeof(text), "%s%s", prefix, error->text);
	write_log(cli, "error", text);
	return 1;
}

int cli_failed(const struct cli *cli, const struct launch_error *error) { return cli_failed_as(cli, "", error); }

void cli_warn(const struct cli *cli, const char *text) { write_log(cli, "warning", text); }

void cli_debug(const struct cli *cli, const char *text) {
	if (cli->debug) write_log(cli, "debug", text);
}

void cli_bare(const struct cli *cli, const char *text) {
	if (cli->log) write_log(cli, "error", text);
	else dprintf(2, "%s\n", text);
}
