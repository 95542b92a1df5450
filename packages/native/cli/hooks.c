#define _GNU_SOURCE
#include "cli/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/child.h"

/* The words of an array as a field of strings (plan.h, 'v'); false without memory. */
static bool put_strings(struct plan_field *field, struct json_object *list) {
	size_t count = list ? json_object_array_length(list) : 0, size = 1;
	uint8_t *at;

	for (size_t i = 0; i < count; i++) size += 5 + (size_t)json_object_get_string_len(json_object_array_get_idx(list, i));
	at = malloc(size);
	field->bytes = at;
	field->n = count;
	for (size_t i = 0; at && i < count; i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));
		uint32_t n = (uint32_t)strlen(text) + 1;

		memcpy(at, &n, 4);
		memcpy(at + 4, text, n);
		at += 4 + n;
	}
	return field->bytes != NULL;
}

static void put_text(struct plan_field *field, const char *text) {
	field->s = text;
	field->n = strlen(text);
}

/* The state (runtime.md, "State") in the two halves that stand around the process id. */
static bool put_state(const struct stored *state, const char *status, struct plan_op *op, char *halves[2]) {
	struct json_object *annotations, *before = json_object_new_object(), *after = json_object_new_object();

	json_object_object_add(before, "ociVersion", json_object_new_string(text_of(state->spec, "ociVersion")));
	json_object_object_add(before, "id", json_object_new_string(state->id));
	json_object_object_add(after, "bundle", json_object_new_string(state->bundle));
	json_object_object_add(after, "status", json_object_new_string(status));
	if (json_object_object_get_ex(state->spec, "annotations", &annotations))
		json_object_object_add(after, "annotations", json_object_get(annotations));
	const char *head = json_object_to_json_string_ext(before, JSON_C_TO_STRING_NOSLASHESCAPE);
	const char *tail = json_object_to_json_string_ext(after, JSON_C_TO_STRING_NOSLASHESCAPE);
	if (asprintf(&halves[0], "%.*s,\"pid\":", (int)strlen(head) - 1, head) < 0) halves[0] = NULL;
	if (asprintf(&halves[1], ",%s", tail + 1) < 0) halves[1] = NULL;
	json_object_put(before);
	json_object_put(after);
	if (!halves[0] || !halves[1]) return false;
	put_text(&op->f[5], halves[0]);
	put_text(&op->f[6], halves[1]);
	return true;
}

static int run_one(
    const struct stored *state, struct json_object *hook, const char *name, pid_t pid, const char *status, struct launch_error *error) {
	struct json_object *args = NULL, *env = NULL, *timeout = NULL;
	struct plan_op op = {0};
	char *halves[2] = {NULL, NULL}, reason[900] = "";
	int result = -1;

	json_object_object_get_ex(hook, "args", &args);
	json_object_object_get_ex(hook, "env", &env);
	put_text(&op.f[1], text_of(hook, "path"));
	op.f[4].n = json_object_object_get_ex(hook, "timeout", &timeout) ? (uint64_t)json_object_get_int64(timeout) : 0;
	put_text(&op.f[7], name);
	if (put_strings(&op.f[2], args) && put_strings(&op.f[3], env) && put_state(state, status, &op, halves))
		result = run_hook(&op, pid, NULL, reason, sizeof(reason));
	else snprintf(reason, sizeof(reason), "error running %s: out of memory", name);
	free((void *)op.f[2].bytes);
	free((void *)op.f[3].bytes);
	free(halves[0]);
	free(halves[1]);
	return result ? launch_failed(error, LAUNCH_INTERNAL, 0, "%s", reason) : 0;
}

int run_hooks(const struct stored *state, const char *name, pid_t pid, const char *status, struct launch_error *error) {
	struct json_object *hooks, *list;
	char title[64];

	if (!json_object_object_get_ex(state->spec, "hooks", &hooks) || !json_object_object_get_ex(hooks, name, &list)) return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		snprintf(title, sizeof(title), "%s hook #%zu", name, i);
		if (run_one(state, json_object_array_get_idx(list, i), title, pid, status, error)) return -1;
	}
	return 0;
}
