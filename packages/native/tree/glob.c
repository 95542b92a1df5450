#define _GNU_SOURCE
#include "tree/glob.h"
#include "layers/tree_walk.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One character of UTF-8; a byte that is none stands for itself. */
static unsigned take_char(const char **text) {
	const unsigned char *p = (const unsigned char *)*text;
	int more = *p >= 0xf0 && *p < 0xf8 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc2 ? 1 : 0;
	unsigned c = more == 3 ? *p & 7u : more == 2 ? *p & 15u : more == 1 ? *p & 31u : *p;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			more = 0;
			c = *p;
			break;
		}
		c = c << 6 | (p[i] & 63u);
	}
	*text += more + 1;
	return c;
}

/* Behind the bracket; false: the class is broken. */
static bool match_class(const char **pattern, unsigned c, bool *matched) {
	const char *p = *pattern;
	bool negated = *p == '^', any = false, inside = false;
	if (negated) p++;
	while (!(any && *p == ']')) {
		unsigned low, high;
		if (*p == 0 || *p == '-' || *p == ']') return false;
		if (*p == '\\' && *++p == 0) return false;
		low = high = take_char(&p);
		if (*p == '-') {
			p++;
			if (*p == 0 || *p == '-' || *p == ']') return false;
			if (*p == '\\' && *++p == 0) return false;
			high = take_char(&p);
		}
		inside |= low <= c && c <= high;
		any = true;
	}
	*pattern = p + 1;
	*matched = inside != negated;
	return true;
}

/* One element that is no star against one character. */
static bool match_one(const char **pattern, const char **name) {
	unsigned c = take_char(name);
	bool matched;
	switch (**pattern) {
	case '?': ++*pattern; return c != '/';
	case '[': ++*pattern; return match_class(pattern, c, &matched) && matched && c != '/';
	case '\\':
		if (*++*pattern == 0) return false;
		/* fall through */
	default: return take_char(pattern) == c;
	}
}

/* Only the last star is ever gone back to: what an earlier one could take more, the later one can, too. */
bool glob_match(const char *pattern, const char *name) {
	const char *star = NULL, *held = NULL;
	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			held = name;
			continue;
		}
		const char *p = pattern, *n = name;
		if (*pattern && match_one(&p, &n)) {
			pattern = p;
			name = n;
		} else {
			if (!star || *held == '/') return false;
			take_char(&held);
			pattern = star;
			name = held;
		}
	}
	while (*pattern == '*') pattern++;
	return *pattern == 0;
}

bool glob_is_pattern(const char *path) {
	for (; *path; path++) {
		if (*path == '*' || *path == '?' || *path == '[') return true;
		if (*path == '\\' && path[1]) path++;
	}
	return false;
}

static void add(struct glob_found *found, char *path) {
	char **grown = realloc(found->paths, (found->count + 1) * sizeof *grown);
	if (!grown) {
		untar_fail("io", "out of memory");
		_exit(1);
	}
	found->paths = grown;
	found->paths[found->count++] = path;
}

/* pattern: components that are left. Only real directories are entered. */
static int find_below(int root, const char *dir, const char *pattern, struct glob_found *found) {
	size_t n = strcspn(pattern, "/");
	const char *rest = pattern + n + strspn(pattern + n, "/");
	int fd = tree_open(root, dir, O_RDONLY | O_DIRECTORY);
	struct tree_names names;
	if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : tree_fail_at("open", dir);
	int rc = tree_list(fd, &names);
	close(fd);
	if (rc < 0) return tree_fail_at("read", dir);
	char *part = strndup(pattern, n);
	for (size_t i = 0; part && rc == 0 && i < names.count; i++) {
		if (!glob_match(part, names.names[i])) continue;
		char *path = tree_join(dir, names.names[i]);
		if (!*rest) {
			add(found, path);
			continue;
		}
		rc = find_below(root, path, rest, found);
		free(path);
	}
	free(part);
	tree_names_free(&names);
	return rc;
}

int glob_find(int root, const char *pattern, bool follow, struct glob_found *found) {
	*found = (struct glob_found){0};
	pattern += strspn(pattern, "/");
	size_t plain = 0; /* what stands before the first component that is a pattern */
	for (const char *at = pattern; *at;) {
		size_t n = strcspn(at, "/");
		char *part = strndup(at, n);
		bool is = part && glob_is_pattern(part);
		free(part);
		if (is) break;
		at += n + strspn(at + n, "/");
		plain = (size_t)(at - pattern);
	}
	char *prefix = strndup(pattern, plain);
	if (!prefix) return untar_fail("io", "out of memory");
	char *dir = tree_resolve(root, prefix, follow || pattern[plain] != 0);
	free(prefix);
	if (!dir) return -1;
	if (!pattern[plain]) {
		add(found, dir);
		return 0;
	}
	int rc = find_below(root, dir, pattern + plain, found);
	free(dir);
	return rc;
}

void glob_free(struct glob_found *found) {
	for (size_t i = 0; i < found->count; i++) free(found->paths[i]);
	free(found->paths);
	*found = (struct glob_found){0};
}
