#define _GNU_SOURCE
#include "cli/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/state.h"

#define FREEZE_MS 2000
#define REMOVE_MS 10000
#define KILL_TURNS 20

static void pause_ms(long ms) {
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static bool unified(struct json_object *cgroup) { return strcmp(text_of(cgroup, "mode"), "v2") == 0; }

static struct json_object *directories(struct json_object *cgroup) {
	struct json_object *list = NULL;

	json_object_object_get_ex(cgroup, "directories", &list);
	return list;
}

static bool controls(struct json_object *level, const char *controller) {
	struct json_object *list;

	if (!json_object_object_get_ex(level, "controllers", &list)) return false;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), controller) == 0) return true;
	return false;
}

/* Of the unified hierarchy, or of the one that has the controller; NULL where there is none. */
static const char *directory_of(struct json_object *cgroup, const char *controller) {
	struct json_object *list = directories(cgroup), *version;
	size_t count = list ? json_object_array_length(list) : 0;

	if (unified(cgroup)) return count ? text_of(json_object_array_get_idx(list, 0), "directory") : NULL;
	for (size_t i = 0; i < count; i++) {
		struct json_object *level = json_object_array_get_idx(list, i);

		if (json_object_object_get_ex(level, "version", &version) && json_object_get_int(version) == 1 && controls(level, controller))
			return text_of(level, "directory");
	}
	return NULL;
}

static const char *any_directory(struct json_object *cgroup) {
	static const char *const wanted[] = {"pids", "freezer"};
	struct json_object *list = directories(cgroup);

	for (int i = 0; i < 2; i++) {
		const char *found = directory_of(cgroup, wanted[i]);

		if (found) return found;
	}
	return list && json_object_array_length(list) ? text_of(json_object_array_get_idx(list, 0), "directory") : NULL;
}

static bool is_child(const struct dirent *entry) {
	return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void collect(const char *directory, struct pids *found) {
	char path[PATH_MAX];
	long pid;
	FILE *file;
	DIR *entries;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	file = fopen(path, "re");
	while (file && fscanf(file, "%ld", &pid) == 1) {
		pid_t *more = reallocarray(found->list, found->count + 1, sizeof(pid_t));

		if (!more) break;
		found->list = more;
		found->list[found->count++] = (pid_t)pid;
	}
	if (file) fclose(file);
	entries = opendir(directory);
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (is_child(entry) && snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path)) collect(path, found);
	}
	if (entries) closedir(entries);
}

static int by_number(const void *a, const void *b) {
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

struct pids cgroup_pids(struct json_object *cgroup) {
	struct pids found = {NULL, 0};
	const char *directory = any_directory(cgroup);
	size_t kept = 0;

	if (directory) collect(directory, &found);
	if (found.count) qsort(found.list, found.count, sizeof(pid_t), by_number);
	for (size_t i = 0; i < found.count; i++)
		if (kept == 0 || found.list[kept - 1] != found.list[i]) found.list[kept++] = found.list[i];
	found.count = kept;
	return found;
}

static bool says(const char *directory, const char *name, const char *line) {
	char path[PATH_MAX], text[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	while (file && !found && fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = 0;
		found = strcmp(text, line) == 0;
	}
	if (file) fclose(file);
	return found;
}

bool cgroup_frozen(struct json_object *cgroup) {
	const char *directory = directory_of(cgroup, "freezer");

	if (!directory) return false;
	return unified(cgroup) ? says(directory, "cgroup.events", "frozen 1") : says(directory, "freezer.state", "FROZEN");
}

int cgroup_freeze(struct json_object *cgroup, bool frozen, struct launch_error *error) {
	const char *directory = directory_of(cgroup, "freezer"), *const values[2][2] = {{"THAWED", "FROZEN"}, {"0", "1"}};
	bool v2 = unified(cgroup);
	char path[PATH_MAX];

	if (!directory) return launch_failed(error, LAUNCH_INTERNAL, 0, "the host has no freezer cgroup");
	snprintf(path, sizeof(path), "%s/%s", directory, v2 ? "cgroup.freeze" : "freezer.state");
	for (int turn = 0, waited = 0; waited <= FREEZE_MS; turn++) {
		int step = turn < 10 ? 1 : 10;

		if (write_file(path, values[v2][frozen])) return launch_failed(error, LAUNCH_INTERNAL, errno, "write %s", path);
		if (cgroup_frozen(cgroup) == frozen) return 0;
		pause_ms(step);
		waited += step;
	}
	if (frozen) write_file(path, values[v2][0]);
	return launch_failed(error, LAUNCH_INTERNAL, 0, "cgroup %s did not become %s in %d ms", text_of(cgroup, "path"),
	    frozen ? "frozen" : "thawed", FREEZE_MS);
}

int cgroup_kill(struct json_object *cgroup, int signal, struct launch_error *error) {
	const char *directory = any_directory(cgroup);
	char path[PATH_MAX];

	if (unified(cgroup) && signal == SIGKILL && directory) {
		snprintf(path, sizeof(path), "%s/cgroup.kill", directory);
		if (write_file(path, "1") == 0) return 0;
	}
	/* A process that forks while we read is caught by the next turn. */
	for (int turn = 0; turn < KILL_TURNS; turn++) {
		struct pids found = cgroup_pids(cgroup);
		struct launch_error ignored;
		size_t count = found.count;

		for (size_t i = 0; i < count; i++) {
			if (kill(found.list[i], signal) == 0 || errno == ESRCH) continue;
			free(found.list);
			return launch_failed(error, LAUNCH_PERMISSION, errno, "signal %d", signal);
		}
		free(found.list);
		if (signal != SIGKILL || count == 0) break;
		if (directory_of(cgroup, "freezer")) cgroup_freeze(cgroup, false, &ignored); /* the killing itself is what counts */
		pause_ms(turn < 5 ? 1 : 10);
	}
	return 0;
}

static int remove_tree(const char *directory) {
	char path[PATH_MAX];
	int kept;
	DIR *entries;

	if (rmdir(directory) == 0 || errno == ENOENT) return 0;
	kept = errno;
	entries = opendir(directory);
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (is_child(entry) && snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path)) remove_tree(path);
	}
	if (entries) closedir(entries);
	if (rmdir(directory) == 0 || errno == ENOENT) return 0;
	errno = errno ? errno : kept;
	return -1;
}

int cgroup_remove(struct json_object *cgroup, struct launch_error *error) {
	struct json_object *list = directories(cgroup);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *directory = text_of(json_object_array_get_idx(list, i), "directory");

		for (int turn = 0, waited = 0; remove_tree(directory) != 0; turn++) {
			int step = turn < 10 ? 2 : 20;

			if (errno != EBUSY || waited > REMOVE_MS) return launch_failed(error, LAUNCH_INTERNAL, errno, "remove cgroup %s", directory);
			pause_ms(step);
			waited += step;
		}
	}
	return 0;
}
