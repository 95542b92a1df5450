#define _GNU_SOURCE
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "cli/cli.h"

#define DEEPEST 256

bool state_directory(const struct cli *cli, const char *id, char directory[PATH_MAX], struct launch_error *error) {
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-";
	size_t length = strlen(id);

	if (length < 1 || length > 1024 || strspn(id, allowed) != length || strcmp(id, ".") == 0 || strcmp(id, "..") == 0) {
		launch_failed(error, LAUNCH_INVALID, 0, "container id \"%.100s\" is not allowed", id);
		return false;
	}
	if (snprintf(directory, PATH_MAX, "%s/%s", cli->root, id) < PATH_MAX - 32) return true;
	launch_failed(error, LAUNCH_INVALID, 0, "the path of root and id is too long");
	return false;
}

static char *read_text(const char *path) {
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0) return NULL;
	if (fstat(fd, &about) == 0 && (text = malloc((size_t)about.st_size + 1))) n = read(fd, text, (size_t)about.st_size);
	close(fd);
	if (n >= 0) text[n] = 0;
	else {
		free(text);
		text = NULL;
	}
	return text;
}

const char *text_of(struct json_object *object, const char *key) {
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value)
	                                                                                                      : "";
}

static struct json_object *parse(const char *text) {
	struct json_tokener *tokener = json_tokener_new_ex(DEEPEST);
	struct json_object *document = tokener ? json_tokener_parse_ex(tokener, text, -1) : NULL;

	if (tokener) json_tokener_free(tokener);
	return document;
}

int load_state(const struct cli *cli, const char *id, struct stored *state, struct launch_error *error) {
	struct json_object *pid;
	char path[PATH_MAX + 16], *text;

	memset(state, 0, sizeof(*state));
	if (!state_directory(cli, id, state->directory, error)) return -1;
	snprintf(path, sizeof(path), "%s/state.json", state->directory);
	text = read_text(path);
	if (!text && errno == ENOENT) return launch_failed(error, LAUNCH_NOT_FOUND, 0, "container \"%s\" does not exist", id);
	if (!text) return launch_failed(error, LAUNCH_INTERNAL, errno, "read %s", path);
	state->document = parse(text);
	free(text);
	if (!json_object_object_get_ex(state->document, "spec", &state->spec) ||
	    !json_object_object_get_ex(state->document, "cgroup", &state->cgroup)) {
		free_state(state);
		return launch_failed(error, LAUNCH_INTERNAL, 0, "%s is not the state of a container", path);
	}
	state->id = text_of(state->document, "id");
	state->bundle = text_of(state->document, "bundle");
	state->rootfs = text_of(state->document, "rootfs");
	state->created = text_of(state->document, "created");
	state->start_time = text_of(state->document, "startTime");
	state->pid = json_object_object_get_ex(state->document, "pid", &pid) ? json_object_get_int(pid) : 0;
	return 0;
}

void free_state(struct stored *state) {
	if (state->document) json_object_put(state->document);
	state->document = NULL;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place) {
	(void)about, (void)kind, (void)place;
	remove(path);
	return 0;
}

void forget_state(const char *directory) { nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

bool is_alive(const struct stored *state) {
	char path[64], *text, *rest, *word, *saved = NULL, letter = 'X';
	bool same = false;

	if (state->pid <= 0) return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", state->pid);
	FILE *file = fopen(path, "re");
	text = malloc(4096);
	size_t n = file && text ? fread(text, 1, 4095, file) : 0;
	if (file) fclose(file);
	if (!text || n == 0) {
		free(text);
		return false;
	}
	text[n] = 0;
	/* The name between the brackets may hold anything: fields are counted from behind the last bracket (proc_pid_stat(5)). */
	rest = strrchr(text, ')');
	word = rest ? strtok_r(rest + 1, " ", &saved) : NULL;
	for (int field = 3; word; field++, word = strtok_r(NULL, " ", &saved)) {
		if (field == 3) letter = word[0];
		if (field == 22) same = strcmp(word, state->start_time) == 0;
	}
	free(text);
	return same && letter != 'Z' && letter != 'X';
}

enum status status_of(const struct stored *state) {
	char path[PATH_MAX + 16];

	if (state->pid == 0) return CREATING;
	if (!is_alive(state)) return STOPPED;
	if (cgroup_frozen(state->cgroup)) return PAUSED;
	snprintf(path, sizeof(path), "%s/start.sock", state->directory);
	return access(path, F_OK) == 0 ? CREATED : RUNNING;
}

const char *status_name(enum status status) {
	static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};

	return names[status];
}

bool has_namespace(const struct stored *state, const char *type, bool made) {
	struct json_object *platform, *list;

	if (!json_object_object_get_ex(state->spec, "linux", &platform) || !json_object_object_get_ex(platform, "namespaces", &list))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (strcmp(text_of(one, "type"), type) == 0 && !(made && *text_of(one, "path"))) return true;
	}
	return false;
}
