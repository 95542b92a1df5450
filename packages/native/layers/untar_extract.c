#define _GNU_SOURCE
#include "layers/untar_extract.h"
#include "layers/inflate.h"
#include "layers/sha256.h"
#include "layers/untar_attributes.h"
#include "layers/untar_make.h"
#include "layers/untar_report.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Pages touched the first time cost more than a few calls: most layers are small. */
#define READ_SIZE (256U << 10)

struct source {
	struct untar_state *st;
	unsigned char *buffer; /* of a plain archive */
	struct inflate *inflate; /* of a compressed one */
	SHA256_CTX hash; /* of what came out of it */
	int64_t got; /* bytes of the tar so far */
	int64_t body_end; /* where the data of the last entry ends */
	bool padded; /* what was left out of its last block has been put in */
};

#define BLOCK 512
static const unsigned char zeros[BLOCK];
static int64_t whole_blocks(int64_t bytes) { return (bytes + BLOCK - 1) / BLOCK * BLOCK; }

/* docker's own client ends some archives behind the last byte of the last file: what fills its block is left out, as Go's reader takes it. */
static ssize_t padding(const struct source *source, const void **buffer) {
	*buffer = zeros;
	bool in_padding = !source->padded && source->got >= source->body_end && source->got < whole_blocks(source->body_end);
	return in_padding ? (ssize_t)(whole_blocks(source->body_end) - source->got) : 0;
}

static ssize_t read_packed(void *context, void *buffer, size_t size) {
	struct source *source = context;
	return untar_input_read(&source->st->input, buffer, size);
}

static bool open_source(struct source *source) {
	if (!source->st->opt.gzip) return (source->buffer = malloc(READ_SIZE)) != NULL;
	SHA256_Init(&source->hash);
	return (source->inflate = inflate_new(read_packed, source)) != NULL;
}

static void close_source(struct source *source) {
	if (source->inflate) {
		sha256_hex(&source->hash, source->st->digest);
		inflate_free(source->inflate);
	}
	free(source->buffer);
}

static ssize_t read_input(struct archive *a, void *data, const void **buffer) {
	struct source *source = data;
	ssize_t n;
	if (source->inflate) {
		const unsigned char *bytes = NULL;
		n = inflate_read(source->inflate, &bytes);
		if (n > 0) SHA256_Update(&source->hash, bytes, (size_t)n);
		*buffer = bytes;
	} else {
		n = untar_input_read(&source->st->input, source->buffer, READ_SIZE);
		*buffer = source->buffer;
	}
	if (n == 0 && (n = padding(source, buffer)) > 0) source->padded = true;
	else if (n > 0) source->got += n;
	if (n >= 0) return n;
	const char *broken = source->inflate ? inflate_error(source->inflate) : NULL;
	if (broken) archive_set_error(a, EILSEQ, "broken gzip: %s", broken);
	else archive_set_error(a, errno, "read of the archive");
	return ARCHIVE_FATAL;
}

/* What follows the archive's end, so that whoever writes it sees no broken pipe, and all of it is in the digest. */
static int read_rest(struct archive *a, struct source *source) {
	const void *bytes;
	ssize_t n;
	do n = read_input(a, source, &bytes);
	while (n > 0);
	return n < 0 ? untar_fail("archive", "behind entry %lld: %s", (long long)source->st->entries, archive_error_string(a)) : 0;
}

/* An archive whose second empty block was begun only was cut off; without any it merely has no end. */
static int check_end(const struct source *source, int64_t consumed) {
	int64_t begun = source->got - consumed;
	bool one_empty = consumed - whole_blocks(source->body_end) == BLOCK;
	return one_empty && begun > 0 && begun < BLOCK ? untar_fail("archive", "it is cut off in its last block") : 0;
}

/* Where its data ends; sparse files have less of it than they are long. */
static int64_t end_of_body(struct archive *a, struct archive_entry *e) {
	int64_t at = archive_filter_bytes(a, 0);
	bool has_body = archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e) && archive_entry_sparse_count(e) == 0;
	return has_body ? at + archive_entry_size(e) : at;
}

static int lay_entry(struct untar_state *st, struct archive *a, struct archive_entry *e) {
	const char *raw = archive_entry_pathname(e);
	if (!raw) return untar_fail("archive", "entry %lld has no usable name", (long long)st->entries);
	char *path = untar_place(st, raw);
	if (!path) return untar_fail("unsafe", "name %s leads outside the root", raw);
	int rc;
	if (!*path && st->opt.copy) { /* where the copy goes to is there already */
		free(path);
		return 0;
	}
	if (!*path) { /* the root itself */
		untar_clear_xattrs(st, st->tree.root);
		untar_set_add(&st->tree.listed, ".");
		rc = archive_entry_filetype(e) == AE_IFDIR ? untar_dress_dir(st, e, st->tree.root, "")
		                                           : untar_fail("unsafe", "the root is not a directory in the archive");
		free(path);
		return rc;
	}
	struct untar_parent where = untar_open_parent(&st->tree, path, true);
	int parent = where.fd;
	const char *name = where.name;
	if (parent < 0) {
		rc = untar_fail("io", "directory of %s: %s", path, strerror(errno));
		free(path);
		return rc;
	}
	const char *link = archive_entry_hardlink(e);
	if (strlen(name) > NAME_MAX) rc = untar_fail("archive", "name %s is too long", path);
	else if (!st->opt.copy && strncmp(name, ".wh.", 4) == 0) rc = untar_make_whiteout(st, parent, name, path);
	else if (link) rc = untar_make_hardlink(st, parent, name, path, link);
	else switch (archive_entry_filetype(e)) {
		case AE_IFREG: rc = untar_make_regular(st, a, e, &where, path); break;
		case AE_IFDIR: rc = untar_make_dir(st, e, parent, name, path); break;
		case AE_IFLNK:
		case AE_IFCHR:
		case AE_IFBLK:
		case AE_IFIFO: rc = untar_make_special(st, e, parent, name, path); break;
		default: rc = untar_fail("archive", "%s is of an unknown type", path);
		}
	if (rc == 0 && !st->opt.overlay && untar_set_add(&st->laid, path) < 0) rc = untar_fail("io", "out of memory");
	free(path);
	return rc;
}

int untar_extract(struct untar_state *st) {
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	struct source source = {.st = st};
	if (!a || !open_source(&source)) return untar_fail("io", "out of memory");
	if (st->opt.overlay && untar_set_add(&st->tree.implicit, ".") < 0) /* the root, which most layers do not list */
		return untar_fail("io", "out of memory");
	archive_read_support_format_empty(a);
	archive_read_support_format_tar(a); /* in the C locale names stay raw bytes; glibc's iconv knows no BINARY to ask for */
	if (archive_read_open2(a, &source, NULL, read_input, NULL, NULL) != ARCHIVE_OK)
		return untar_fail("archive", "%s", archive_error_string(a));
	for (;;) {
		int rc = archive_read_next_header(a, &e);
		if (rc == ARCHIVE_EOF) break;
		if (rc == ARCHIVE_WARN) st->warnings++;
		else if (rc != ARCHIVE_OK) return untar_fail("archive", "entry %lld: %s", (long long)st->entries + 1, archive_error_string(a));
		if (++st->entries > st->opt.max_entries)
			return untar_fail("budget", "the archive holds more than %lld entries", (long long)st->opt.max_entries);
		source.body_end = end_of_body(a, e);
		if (lay_entry(st, a, e) < 0) return -1;
	}
	int64_t consumed = archive_filter_bytes(a, 0);
	if (read_rest(a, &source) < 0 || check_end(&source, consumed) < 0) return -1;
	archive_read_free(a);
	close_source(&source);
	return untar_settle_dirs(st);
}
