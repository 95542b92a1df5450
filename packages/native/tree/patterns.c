#define _GNU_SOURCE
#include "tree/patterns.h"
#include "layers/untar_report.h"
#include "tree/glob.h"

#include <stdlib.h>
#include <string.h>

enum kind { LITERAL, ONE, CLASS, STAR, DEEP, ALL };

/* LITERAL and CLASS lie between from and to of the text; DEEP is any number of whole directories, ALL anything. */
struct element {
	enum kind kind;
	const char *from, *to;
};

struct pattern {
	char *text;
	struct element *elements;
	size_t count;
	bool exclusion;
};

static char *cleaned(const char *text) {
	size_t n = strlen(text);
	while (n > 0 && strchr(" \t\r\n\v\f", text[n - 1])) n--;
	size_t skip = 0;
	while (skip < n && strchr(" \t\r\n\v\f", text[skip])) skip++;
	char *out = calloc(n - skip + 2, 1), *end = out;
	if (!out || n == skip) return out;
	bool rooted = text[skip] == '/';
	for (size_t i = skip; i < n;) {
		size_t part = 0;
		while (i + part < n && text[i + part] != '/') part++;
		if (part == 2 && text[i] == '.' && text[i + 1] == '.') {
			char *slash = end > out ? memrchr(out, '/', (size_t)(end - out)) : NULL;
			end = slash ? slash : out;
		} else if (part > 0 && !(part == 1 && text[i] == '.')) {
			if (end > out || rooted) *end++ = '/';
			memcpy(end, text + i, part);
			end += part;
		}
		i += part + 1;
	}
	*end = 0;
	if (end == out) strcpy(out, rooted ? "/" : ".");
	return out;
}

/* Bytes of the character that begins here. */
static size_t char_size(const char *p) {
	size_t n = 1;
	if ((unsigned char)*p >= 0xc0)
		while (((unsigned char)p[n] & 0xc0) == 0x80) n++;
	return n;
}

static const char *class_end(const char *p) {
	if (*p == '^') p++;
	for (bool any = false; *p && !(any && *p == ']'); any = true) {
		if (*p == '\\' && p[1]) p++;
		p++;
	}
	return *p == ']' ? p + 1 : NULL;
}

static int parse(struct pattern *one, const char *p) {
	one->elements = calloc(strlen(p) + 1, sizeof *one->elements);
	if (!one->elements) return untar_fail("io", "out of memory");
	const char *whole = p;
	while (*p) {
		struct element *e = &one->elements[one->count++];
		e->from = p;
		if (p[0] == '*' && p[1] == '*') {
			p += 2;
			bool slash = *p == '/', only_end = e == one->elements && !slash && !strpbrk(p, "*?[\\");
			p += slash;
			e->kind = *p && !only_end ? DEEP : ALL; /* `**name` is any path that ends so */
		} else if (*p == '*') {
			e->kind = STAR;
			p++;
		} else if (*p == '?') {
			e->kind = ONE;
			p++;
		} else if (*p == '[') {
			e->kind = CLASS;
			p = class_end(p + 1);
			if (!p) return untar_fail("invalid", "%s: syntax error in pattern", whole);
		} else {
			if (*p == '\\') {
				if (!p[1]) return untar_fail("invalid", "%s: syntax error in pattern", whole);
				e->from = ++p;
			}
			e->kind = LITERAL;
			p += char_size(p);
		}
		e->to = p;
	}
	return 0;
}

int patterns_read(const char **texts, struct pattern_list *list) {
	size_t count = 0;
	while (texts[count]) count++;
	*list = (struct pattern_list){calloc(count + 1, sizeof *list->items), 0};
	if (!list->items) return untar_fail("io", "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct pattern *one = &list->items[list->count];
		char *text = cleaned(texts[i]);
		if (!text) return untar_fail("io", "out of memory");
		if (!*text) {
			free(text);
			continue;
		}
		one->exclusion = *text == '!';
		if (one->exclusion && !text[1]) {
			free(text);
			return untar_fail("invalid", "illegal exclusion pattern: \"!\"");
		}
		one->text = text;
		list->count++;
		if (parse(one, text + one->exclusion) < 0) return -1;
	}
	return 0;
}

void patterns_free(struct pattern_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].text);
		free(list->items[i].elements);
	}
	free(list->items);
	*list = (struct pattern_list){0};
}

static bool in_class(const struct element *e, const char *at, size_t n) {
	char name[8] = {0}, text[512];
	size_t length = (size_t)(e->to - e->from);
	if (length >= sizeof text || n >= sizeof name) return false;
	memcpy(text, e->from, length);
	text[length] = 0;
	memcpy(name, at, n);
	return glob_match(text, name);
}

/* Where in the pattern one may stand: at an element that comes next, or inside a DEEP that has begun and not come to a slash. */
struct places {
	bool *at, *inside;
};

static void step(const struct pattern *one, const struct places *now, const struct places *next, const char *c, size_t n) {
	for (size_t i = 0; i < one->count; i++) {
		const struct element *e = &one->elements[i];
		if (now->inside[i] || (now->at[i] && e->kind == DEEP)) {
			next->inside[i] = true;
			next->at[i + 1] |= *c == '/';
		}
		if (!now->at[i]) continue;
		switch (e->kind) {
		case LITERAL: next->at[i + 1] |= (size_t)(e->to - e->from) == n && memcmp(e->from, c, n) == 0; break;
		case ONE: next->at[i + 1] |= *c != '/'; break;
		case CLASS: next->at[i + 1] |= *c != '/' && in_class(e, c, n); break;
		case STAR: next->at[i] |= *c != '/'; break;
		case ALL: next->at[i] = true; break;
		case DEEP: break;
		}
	}
}

/* All places after each character, at once: the time is pattern times path. */
static bool matches(const struct pattern *one, const char *path, size_t length) {
	size_t room = one->count + 1;
	bool *memory = calloc(4 * room, sizeof *memory);
	if (!memory) return false;
	struct places now = {memory, memory + room}, next = {memory + 2 * room, memory + 3 * room};
	now.at[0] = true;
	for (size_t at = 0;;) {
		for (size_t i = 0; i < one->count; i++) /* these may be nothing */
			if (now.at[i] && one->elements[i].kind >= STAR) now.at[i + 1] = true;
		if (at >= length) break;
		size_t n = char_size(path + at);
		memset(next.at, 0, room * sizeof *next.at);
		memset(next.inside, 0, room * sizeof *next.inside);
		step(one, &now, &next, path + at, n);
		struct places swap = now;
		now = next;
		next = swap;
		at += n;
	}
	bool found = now.at[one->count];
	free(memory);
	return found;
}

static bool matches_above(const struct pattern *one, const char *path) {
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (matches(one, path, (size_t)(slash - path))) return true;
	return false;
}

bool patterns_match(const struct pattern_list *list, const char *path, const unsigned char *parent, unsigned char *own) {
	bool matched = false;
	for (size_t i = 0; i < list->count; i++) {
		const struct pattern *one = &list->items[i];
		bool match = parent && parent[i];
		own[i] = 0;
		if (!match) {
			if (one->exclusion != matched) continue;
			match = matches(one, path, strlen(path)) || (!parent && matches_above(one, path));
		}
		own[i] = match;
		if (match) matched = !one->exclusion;
	}
	return matched;
}
