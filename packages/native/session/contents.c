#define _GNU_SOURCE
#include "session/contents.h"
#include "layers/untar_report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a file that are gathered, so that it is made in one go; larger ones are written as they come. */
#define WHOLE (64U << 10)
#define MOST_FILES (1U << 28)

void contents_start(struct contents *c, int root) {
	untar_tree_init(&c->tree.tree, root);
	for (int i = 0; i < RECEIVE_SLOTS; i++) c->tree.slots[i].fd = -1;
}

static void coming_free(struct coming *file) {
	free(file->about.path);
	free(file->about.link);
	free(file->about.xattrs);
	free(file->about.data);
	free(file->gathered);
	free(file);
}

int contents_expect(struct contents *c, struct receive_record *about) {
	uint32_t id = about->head.slot;
	struct coming *file = calloc(1, sizeof *file);
	if (file) *file = (struct coming){.about = *about, .slot = -1};
	*about = (struct receive_record){0};
	if (!file || id >= MOST_FILES) return untar_fail("io", "out of memory");
	if (id >= c->cap) {
		size_t cap = c->cap ? c->cap : 256;
		while (cap <= id) cap *= 2;
		struct coming **grown = realloc(c->coming, cap * sizeof *grown);
		if (!grown) return untar_fail("io", "out of memory");
		memset(grown + c->cap, 0, (cap - c->cap) * sizeof *grown);
		c->coming = grown;
		c->cap = cap;
	}
	if (c->coming[id]) return untar_fail("archive", "file %u is expected twice", id);
	c->coming[id] = file;
	c->count++;
	return 0;
}

static int enlarge(struct contents *c, struct coming *file) {
	struct receive_record open = file->about;
	int slot = 0;
	while (slot < RECEIVE_SLOTS && c->tree.slots[slot].fd >= 0) slot++;
	if (slot == RECEIVE_SLOTS) return untar_fail("archive", "the client sends more than %d files at once", RECEIVE_SLOTS);
	open.head.kind = RECEIVE_OPEN;
	open.head.slot = (uint32_t)slot;
	if (receive_make(&c->tree, &open) < 0) return -1;
	file->slot = slot;
	SHA256_Init(&file->hash);
	SHA256_Update(&file->hash, file->gathered, file->size);
	return receive_write(c->tree.slots[slot].fd, file->gathered, file->size, file->about.path);
}

static int more(struct contents *c, struct coming *file, const unsigned char *data, size_t size) {
	if (file->slot < 0 && file->size + size <= WHOLE) {
		unsigned char *grown = realloc(file->gathered, file->size + size);
		if (!grown) return untar_fail("io", "out of memory");
		file->gathered = grown;
		memcpy(grown + file->size, data, size);
		file->size += size;
		return 0;
	}
	if (file->slot < 0 && enlarge(c, file) < 0) return -1;
	SHA256_Update(&file->hash, data, size);
	return receive_write(c->tree.slots[file->slot].fd, data, size, file->about.path);
}

static int finish(struct contents *c, struct coming *file, unsigned char *digest) {
	struct receive_record whole = file->about;
	if (file->slot < 0) {
		whole.head.kind = RECEIVE_FILE;
		whole.head.data_length = file->size;
		whole.data = file->gathered;
		sha256_of(file->gathered, file->size, digest);
		return receive_make(&c->tree, &whole);
	}
	struct receive_slot *slot = &c->tree.slots[file->slot];
	SHA256_Final(digest, &file->hash);
	int rc = receive_finish_file(&c->tree, slot->fd, &whole);
	free(slot->path);
	*slot = (struct receive_slot){.fd = -1};
	return rc;
}

int contents_take(struct contents *c, uint32_t id, const unsigned char *data, size_t size, unsigned char digest[SHA256_DIGEST_LENGTH]) {
	struct coming *file = id < c->cap ? c->coming[id] : NULL;
	if (!file) return untar_fail("archive", "the client sent content of file %u, which was not asked for", id);
	if (size > 0) return more(c, file, data, size);
	c->coming[id] = NULL;
	c->count--;
	int rc = finish(c, file, digest);
	coming_free(file);
	return rc < 0 ? -1 : 1;
}

void contents_free(struct contents *c) {
	for (size_t i = 0; i < c->cap; i++)
		if (c->coming[i]) coming_free(c->coming[i]);
	for (int i = 0; i < RECEIVE_SLOTS; i++) {
		if (c->tree.slots[i].fd < 0) continue;
		close(c->tree.slots[i].fd);
		free(c->tree.slots[i].path);
	}
	free(c->coming);
	receive_release(&c->tree);
}
