/*
 * A plan: trees, then operations on them, in order. Fields: number of trees, each one's mounts; number of operations, each with its letter (a number), the tree
 * it writes to, and its own fields.
 */
#define _GNU_SOURCE
#include "layers/untar_report.h"
#include "tree/copy.h"
#include "tree/glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ROOTS 512

/* The trees of a plan, each with what was linked into it. */
struct plan {
	struct tree_root *roots;
	struct shared_files *files;
	size_t count;
};

static int copy_into(const struct plan *plan, int to, int action, struct tree_request *r);

static int operate(const struct plan *plan, int action, struct tree_request *r) {
	int64_t letter = tree_number(r), to = tree_number(r);
	if (r->broken || to < 0 || (size_t)to >= plan->count) return untar_fail("io", "broken request");
	int root = plan->roots[to].fd;
	switch (letter) {
	case 'd': return tree_do_mkdir(root, r);
	case 'f': return tree_do_mkfile(root, r);
	case 'l': return tree_do_symlink(root, r);
	case 'r': return tree_do_remove(root, r);
	case 'c': return copy_into(plan, (int)to, action, r);
	default: return untar_fail("io", "unknown operation");
	}
}

int tree_run_plan(struct tree_request *r, FILE *out) {
	int64_t count = tree_number(r);
	if (r->broken || count < 1 || count > MOST_ROOTS) return untar_fail("io", "broken request");
	struct plan plan = {calloc((size_t)count, sizeof *plan.roots), calloc((size_t)count, sizeof *plan.files), (size_t)count};
	size_t open = 0;
	int rc = plan.roots && plan.files ? 0 : untar_fail("io", "out of memory");
	while (rc == 0 && open < plan.count) {
		rc = tree_open_root(r, &plan.roots[open]);
		open++;
	}
	int64_t operations = tree_number(r), done = 0;
	while (rc == 0 && done < operations) {
		rc = operate(&plan, (int)done, r);
		if (rc == 0 && r->broken) rc = untar_fail("io", "broken request");
		if (rc == 0) done++; // the one that failed is that at this place
	}
	while (open > 0) {
		tree_close_root(&plan.roots[--open]);
		shared_files_free(&plan.files[open]);
	}
	free(plan.roots);
	free(plan.files);
	fprintf(out, "%lld", (long long)done);
	return rc;
}

static struct mode_change *read_changes(struct tree_request *r, size_t *count) {
	int64_t n = tree_number(r);
	if (r->broken || n < 0 || n > 1000) {
		r->broken = true;
		return NULL;
	}
	struct mode_change *changes = calloc((size_t)n + 1, sizeof *changes);
	for (int64_t i = 0; changes && i < n; i++) {
		changes[i].command = (char)tree_number(r);
		changes[i].where = (int)tree_number(r);
		changes[i].bits = (mode_t)tree_number(r);
	}
	*count = (size_t)n;
	return changes;
}

/* Without a slash at its end the last component is the copy's own name; the directories above it are made. */
static int make_above(struct copy *c, const char *to, struct tree_made *made) {
	const char *slash = strrchr(to, '/'), *last = slash ? slash + 1 : to;
	char *given = *last && strcmp(last, ".") != 0 ? strndup(to, (size_t)(last - to)) : strdup(to);
	char *path = given ? tree_resolve(c->to, given, true) : NULL;
	free(given);
	if (!path) return -1;
	int rc = tree_make_dirs(c->to, path, c->mode >= 0 && c->change_count == 0 ? (mode_t)c->mode & 0777 : 0755, &c->look, made);
	free(path);
	return rc;
}

static int copy_one(struct copy *c, const char *source, const char *asked, const char *to) {
	struct tree_made made = {0};
	char *base = tree_dup(asked), *end = base + strlen(base);
	while (end > base && (end[-1] == '/' || (end[-1] == '.' && (end == base + 1 || end[-2] == '/')))) *--end = 0;
	char *slash = strrchr(base, '/');
	int rc = make_above(c, to, &made);
	char *path = rc == 0 ? tree_resolve(c->to, to, true) : NULL;
	if (rc == 0 && !path) rc = -1;
	if (rc == 0) rc = copy_to(c, source, slash ? slash + 1 : base, path);
	if (tree_settle_made(c->to, &made, &c->look) < 0) rc = -1;
	free(path);
	free(base);
	return rc;
}

/* The directory that is copied to must be there already. */
static int check_parent(int root, const char *to) {
	char *path = tree_resolve(root, to, true);
	if (!path) return -1;
	char *slash = strrchr(path, '/');
	*(slash ? slash : path) = 0;
	struct stat s;
	int rc = tree_stat(root, path, &s);
	if (rc < 0) {
		char *what = NULL;
		if (asprintf(&what, "failed to stat %s: lstat", to) >= 0) tree_fail_at(what, path);
		free(what);
	}
	free(path);
	return rc;
}

static int check_required(int from, const char *source, const char **required) {
	for (size_t i = 0; required[i]; i++) {
		struct stat s;
		char *below = tree_join(source, required[i] + strspn(required[i], "/")), *path = tree_resolve(from, below, true);
		int rc = path ? tree_stat(from, path, &s) : -1;
		if (rc < 0 && path) tree_fail_at("lstat", below);
		free(path);
		free(below);
		if (rc < 0) return -1;
	}
	return 0;
}

static int copy_all(
    struct copy *c, const char *source, const char *to, const char **required, bool follow, bool wildcard, bool allow_none) {
	if (!wildcard || !glob_is_pattern(source)) { /* a link that is followed gives its name to the copy */
		char *path = tree_resolve(c->from, source, follow);
		int rc = path ? check_required(c->from, path, required) : -1;
		if (rc == 0) rc = copy_one(c, path, source, to);
		free(path);
		return rc;
	}
	struct glob_found found;
	int rc = glob_find(c->from, source, follow, &found);
	if (rc == 0 && found.count == 0 && !allow_none) rc = untar_fail("absent", "%s not found", source);
	for (size_t i = 0; rc == 0 && i < found.count; i++) {
		char *path = follow ? tree_resolve(c->from, found.paths[i], true) : tree_dup(found.paths[i]);
		rc = path ? check_required(c->from, path, required) : -1;
		if (rc == 0) rc = copy_one(c, path, found.paths[i], to);
		free(path);
	}
	glob_free(&found);
	return rc;
}

static int copy_into(const struct plan *plan, int to_root, int action, struct tree_request *r) {
	const struct tree_root *roots = plan->roots;
	size_t count = plan->count;
	int64_t from_root = tree_number(r);
	const char *source = tree_text(r, NULL), *to = tree_text(r, NULL);
	bool follow = tree_number(r), contents = tree_number(r), make = tree_number(r), wildcard = tree_number(r), allow_none = tree_number(r),
	     replace = tree_number(r);
	struct copy c = {
	    .mode = tree_number(r), .contents = contents, .replace = replace, .to = roots[to_root].fd, .upper = roots[to_root].upper};
	c.changes = read_changes(r, &c.change_count);
	c.look = tree_look_of(r);
	const char **include = tree_texts(r), **exclude = tree_texts(r), **required = tree_texts(r);
	int rc = 0;
	if (r->broken || !c.changes || !include || !exclude || !required || from_root < 0 || (size_t)from_root >= count)
		rc = untar_fail("io", "broken request");
	else {
		c.from = roots[from_root].fd;
		c.source = roots[from_root].layer_count > 0 && from_root != to_root ? &roots[from_root] : NULL;
		c.target = &roots[to_root];
		c.files = &plan->files[to_root];
		c.action = action;
		for (int i = 0; c.source && i < c.source->layer_count; i++) c.shared[i] = tree_shows(&roots[to_root], c.source->layers[i]);
		rc = patterns_read(include, &c.include) < 0 || patterns_read(exclude, &c.exclude) < 0 ? -1 : 0;
	}
	if (rc == 0 && !make) rc = check_parent(c.to, to);
	if (rc == 0) rc = copy_all(&c, source, to, required, follow, wildcard, allow_none);
	patterns_free(&c.include);
	patterns_free(&c.exclude);
	link_table_free(&c.links);
	free(c.changes);
	free(include);
	free(exclude);
	free(required);
	return rc;
}
