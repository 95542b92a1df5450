/* state and list: what is known of containers, as JSON or a table. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/state.h"

#define FLAT JSON_C_TO_STRING_NOSLASHESCAPE
#define COLUMNS 6

static struct json_object *describe(const struct stored *state, const char *owner) {
	struct json_object *object = json_object_new_object(), *annotations;
	enum status status = status_of(state);

	json_object_object_add(object, "ociVersion", json_object_new_string(text_of(state->spec, "ociVersion")));
	json_object_object_add(object, "id", json_object_new_string(state->id));
	json_object_object_add(object, "pid", json_object_new_int(status == STOPPED ? 0 : state->pid));
	json_object_object_add(object, "status", json_object_new_string(status_name(status)));
	json_object_object_add(object, "bundle", json_object_new_string(state->bundle));
	json_object_object_add(object, "rootfs", json_object_new_string(state->rootfs));
	json_object_object_add(object, "created", json_object_new_string(state->created));
	if (!*owner && json_object_object_get_ex(state->spec, "annotations", &annotations))
		json_object_object_add(object, "annotations", json_object_get(annotations));
	json_object_object_add(object, "owner", json_object_new_string(owner));
	return object;
}

int verb_state(struct cli *cli) {
	const char *id = cli_only_id(cli);
	struct launch_error error;
	struct stored state;
	struct json_object *shown;

	if (!id) return 1;
	if (load_state(cli, id, &state, &error)) return cli_failed(cli, &error);
	shown = describe(&state, "");
	printf("%s\n", json_object_to_json_string_ext(shown, FLAT | JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED));
	json_object_put(shown);
	free_state(&state);
	return 0;
}

static const char *owner_of(const char *directory, char number[16]) {
	struct stat about;

	if (stat(directory, &about) == 0 && about.st_uid == 0) return "root";
	snprintf(number, 16, "#%u", about.st_uid);
	return number;
}

static int may_be_container(const struct dirent *entry) { return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0; }

static int by_bytes(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* All containers of the root, by id; NULL after telling what is wrong. */
static struct json_object *read_all_states(const struct cli *cli) {
	struct json_object *rows = json_object_new_array();
	struct launch_error error;
	struct dirent **entries = NULL;
	int count = scandir(cli->root, &entries, may_be_container, by_bytes);

	if (count < 0 && (errno != ENOENT || cli->root_given)) {
		launch_failed(&error, LAUNCH_NOT_FOUND, 0, "root %s does not exist", cli->root);
		cli_failed(cli, &error);
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		struct stored state;
		char number[16];

		if (load_state(cli, entries[i]->d_name, &state, &error) == 0) {
			json_object_array_add(rows, describe(&state, owner_of(state.directory, number)));
			free_state(&state);
		} else if (error.kind == LAUNCH_INTERNAL) {
			cli_failed(cli, &error);
		}
		free(entries[i]);
	}
	free(entries);
	return rows;
}

static const char *cell(struct json_object *row, int column) {
	static const char *const keys[COLUMNS] = {"id", "pid", "status", "bundle", "created", "owner"};
	struct json_object *value;

	return json_object_object_get_ex(row, keys[column], &value) ? json_object_get_string(value) : "";
}

static void print_table(struct json_object *rows) {
	static const char *const heads[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	size_t widths[COLUMNS], count = json_object_array_length(rows);

	for (int c = 0; c < COLUMNS; c++) {
		widths[c] = strlen(heads[c]);
		for (size_t i = 0; i < count; i++) {
			size_t length = strlen(cell(json_object_array_get_idx(rows, i), c));

			if (length > widths[c]) widths[c] = length;
		}
	}
	for (size_t i = 0; i <= count; i++)
		for (int c = 0; c < COLUMNS; c++) {
			const char *text = i ? cell(json_object_array_get_idx(rows, i - 1), c) : heads[c];

			if (c == COLUMNS - 1) printf("%s\n", text);
			else printf("%-*s", (int)widths[c] + 3, text);
		}
}

int verb_list(struct cli *cli) {
	const char *format = "table";
	bool quiet = false;
	const struct flag flags[] = {{"format", "f", &format, NULL}, {"quiet", "q", NULL, &quiet}, {0}};
	struct launch_error error;
	struct json_object *rows;
	struct words rest;

	if (read_flags(flags, cli->words, true, &rest, &error) || check_words(&rest, NULL, 0, 0, &error)) return cli_failed(cli, &error);
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) {
		launch_failed(&error, LAUNCH_INVALID, 0, "format \"%s\" is not table or json", format);
		return cli_failed(cli, &error);
	}
	rows = read_all_states(cli);
	if (!rows) return 1;
	if (quiet)
		for (size_t i = 0; i < json_object_array_length(rows); i++) printf("%s\n", cell(json_object_array_get_idx(rows, i), 0));
	else if (strcmp(format, "table") == 0) print_table(rows);
	else printf("%s\n", json_object_array_length(rows) ? json_object_to_json_string_ext(rows, FLAT) : "null");
	json_object_put(rows);
	return 0;
}
