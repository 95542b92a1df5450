/*
 * Mode `receive`: makes, replaces and removes files of a tree as records on stdin say, for a client's build context.
 *
 *   gantry-native receive --root DIR
 *
 * Each record is a struct receive_head with its path, link, xattrs and data behind it. Names are resolved with openat2(RESOLVE_IN_ROOT): whatever
 * the client sends, nothing outside of DIR is touched. Times of directories are set at the end. The end of stdin between two records is the end of
 * the work: exit code 0. Any failure: exit code 1 and one JSON line on stderr, as `untar` has it.
 */
#define _GNU_SOURCE
#include "layers/receive.h"
#include "layers/untar_report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1: there is none. */
static int read_exactly(void *into, size_t size, int may_end) {
	size_t got = size > 0 ? fread(into, 1, size, stdin) : 0;
	if (got == size) return 0;
	if (got == 0 && may_end && feof(stdin)) return 1;
	return untar_fail("archive", "the records end in the middle of one");
}

static int read_text(char **text, uint32_t length) {
	*text = malloc((size_t)length + 1);
	if (!*text) return untar_fail("io", "out of memory");
	if (read_exactly(*text, length, 0) < 0) return -1;
	(*text)[length] = 0;
	return 0;
}

static int read_bytes(unsigned char **bytes, uint64_t length) {
	*bytes = malloc(length > 0 ? length : 1);
	if (!*bytes) return untar_fail("io", "out of memory");
	return read_exactly(*bytes, length, 0);
}

static int read_body(struct receive_record *r) {
	const struct receive_head *h = &r->head;
	if (receive_check_head(h) < 0) return -1;
	if (read_text(&r->path, h->path_length) < 0 || read_text(&r->link, h->link_length) < 0) return -1;
	if (read_bytes(&r->xattrs, h->xattrs_length) < 0 || read_bytes(&r->data, h->data_length) < 0) return -1;
	return receive_check_names(r);
}

static int step(struct receive_state *st, struct receive_record *r) {
	const struct receive_head *h = &r->head;
	st->entries++;
	if (h->kind != RECEIVE_OPEN && h->kind != RECEIVE_DATA && h->kind != RECEIVE_CLOSE) return receive_make(st, r);
	if (h->slot >= RECEIVE_SLOTS) return untar_fail("archive", "slot %u is none", h->slot);
	struct receive_slot *slot = &st->slots[h->slot];
	if ((h->kind == RECEIVE_OPEN) == (slot->fd >= 0)) return untar_fail("archive", "slot %u is not as a record has it", h->slot);
	if (h->kind == RECEIVE_OPEN) return receive_make(st, r);
	if (h->kind == RECEIVE_DATA) return receive_write(slot->fd, r->data, h->data_length, slot->path);
	struct receive_record whole = {.head = slot->head, .path = slot->path, .xattrs = r->xattrs};
	whole.head.xattrs_length = h->xattrs_length;
	int rc = receive_finish_file(st, slot->fd, &whole);
	free(slot->path);
	*slot = (struct receive_slot){.fd = -1};
	return rc;
}

int mode_receive(int argc, char **argv);
int mode_receive(int argc, char **argv) {
	static struct receive_state st;
	static char buffer[1 << 20];
	if (argc != 3 || strcmp(argv[1], "--root") != 0) {
		fprintf(stderr, "usage: gantry-native receive --root DIR\n");
		return 2;
	}
	umask(0);
	setvbuf(stdin, buffer, _IOFBF, sizeof buffer);
	int root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) return untar_fail_at("open", argv[2]) < 0;
	untar_tree_init(&st.tree, root);
	for (int i = 0; i < RECEIVE_SLOTS; i++) st.slots[i].fd = -1;
	for (;;) {
		struct receive_record r = {0};
		int rc = read_exactly(&r.head, sizeof r.head, 1);
		if (rc == 1) break;
		if (rc < 0 || read_body(&r) < 0 || step(&st, &r) < 0) return 1;
		free(r.path);
		free(r.link);
		free(r.xattrs);
		free(r.data);
	}
	for (int i = 0; i < RECEIVE_SLOTS; i++)
		if (st.slots[i].fd >= 0) return untar_fail("archive", "%s is not whole", st.slots[i].path) < 0;
	return receive_settle_dirs(&st) < 0;
}
