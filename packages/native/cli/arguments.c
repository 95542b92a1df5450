#include "cli/arguments.h"

#include <stdlib.h>
#include <string.h>

static const struct flag *find(const struct flag *flags, const char *given, size_t length) {
	for (const struct flag *f = flags; f->name; f++)
		if (strlen(f->name) == length && strncmp(f->name, given, length) == 0) return f;
	for (const struct flag *f = flags; f->name; f++)
		if (f->letter && strlen(f->letter) == length && strncmp(f->letter, given, length) == 0) return f;
	return NULL;
}

static int set_truth(const struct flag *f, const char *value, struct launch_error *error) {
	if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return launch_failed(error, LAUNCH_INVALID, 0, "flag --%s takes true or false, not \"%s\"", f->name, value);
	*f->on = !value || strcmp(value, "true") == 0;
	return 0;
}

int read_flags(const struct flag *flags, struct words given, bool interleaved, struct words *rest, struct launch_error *error) {
	int i;

	rest->count = 0;
	rest->list = calloc((size_t)given.count + 1, sizeof(char *));
	if (!rest->list) return launch_failed(error, LAUNCH_INTERNAL, 0, "out of memory");
	for (i = 0; i < given.count; i++) {
		char *word = given.list[i];
		const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-'), *equals = strchr(name, '=');
		const struct flag *f;

		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (!interleaved) break;
			rest->list[rest->count++] = word;
			continue;
		}
		f = find(flags, name, equals ? (size_t)(equals - name) : strlen(name));
		if (!f) return launch_failed(error, LAUNCH_INVALID, 0, "unknown flag %s", word);
		if (f->on) {
			if (set_truth(f, equals ? equals + 1 : NULL, error)) return -1;
			continue;
		}
		if (equals) *f->text = equals + 1;
		else if (++i < given.count) *f->text = given.list[i];
		else return launch_failed(error, LAUNCH_INVALID, 0, "flag --%s needs a value", f->name);
	}
	while (i < given.count) rest->list[rest->count++] = given.list[i++];
	return 0;
}

int check_words(const struct words *rest, const char *const *names, int least, int most, struct launch_error *error) {
	if (rest->count < least) return launch_failed(error, LAUNCH_INVALID, 0, "argument %s is missing", names[rest->count]);
	if (rest->count > most) return launch_failed(error, LAUNCH_INVALID, 0, "unexpected argument \"%s\"", rest->list[most]);
	return 0;
}
