/*
 * T: a layer that is a file is laid out as `untar --follow` does it: the tree's root, whether whiteouts become overlayfs' own, the file, whether it is gzip, its
 * size, the most bytes and entries. Answered with the line that `untar` writes.
 */
#define _GNU_SOURCE
#include "layers/untar_extract.h"
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <fcntl.h>
#include <unistd.h>

/* Where untar_input.h has the file. */
#define FILE_FD 3

int tree_run_lay(struct tree_request *r, FILE *out) {
	static struct untar_state st;
	st.opt = (struct untar_options){.uid = -1, .gid = -1};
	st.opt.root = tree_text(r, NULL);
	st.opt.overlay = tree_number(r);
	const char *file = tree_text(r, NULL);
	st.opt.follow = true;
	st.opt.gzip = tree_number(r);
	int64_t size = tree_number(r);
	st.opt.max_bytes = tree_number(r);
	st.opt.max_entries = tree_number(r);
	if (r->broken || size < 0) return untar_fail("io", "broken request");
	st.input = (struct untar_input){.follow = true, .complete = true, .there = (uint64_t)size};
	int from = open(file, O_RDONLY | O_CLOEXEC);
	if (from < 0) return untar_fail_at("open", file);
	if (from != FILE_FD && dup2(from, FILE_FD) < 0) return untar_fail_at("open", file);
	int root = open(st.opt.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) return untar_fail_at("open", st.opt.root);
	untar_tree_init(&st.tree, root);
	if (untar_extract(&st) < 0) return -1;
	untar_report(&st, out);
	return 0;
}
