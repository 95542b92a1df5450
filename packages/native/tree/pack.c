/*
 * A small layer as a tar: the directory that overlayfs keeps the changes in, how many bytes the archive may have, and the directories that it lies on, topmost first (their
 * number, and each). Answered: one byte, 1 when it has no more, and
 * the archive.
 */
#define _GNU_SOURCE
#include "layers/pack.h"
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int put_file(int fd, FILE *out) {
	static char buffer[1 << 16];
	ssize_t n = 0;
	for (off_t at = 0; (n = pread(fd, buffer, sizeof buffer, at)) > 0; at += n) fwrite(buffer, 1, (size_t)n, out);
	return n < 0 ? tree_fail_at("read", "archive") : 0;
}

int tree_run_pack(struct tree_request *r, FILE *out) {
	const char *path = tree_text(r, NULL);
	int64_t most = tree_number(r);
	struct lowers lower = {0};
	int64_t count = tree_number(r);
	if (r->broken || most <= 0 || count < 0) return untar_fail("io", "broken request");
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) return tree_fail_at("open", path);
	for (int64_t i = 0; i < count; i++) {
		const char *below = tree_text(r, NULL);
		int fd = r->broken ? -1 : open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) return r->broken ? untar_fail("io", "broken request") : tree_fail_at("open", below);
		if (lowers_add(&lower, fd) < 0) return -1;
	}
	int archive = memfd_create("archive", MFD_CLOEXEC);
	int rc = archive < 0 ? tree_fail_at("create", "archive") : pack_changes(dir, &lower, archive, (uint64_t)most);
	if (rc >= 0) fputc(rc == 0, out);
	if (rc == 0) rc = put_file(archive, out);
	if (archive >= 0) close(archive);
	close(dir);
	lowers_close(&lower);
	return rc < 0 ? -1 : 0;
}
