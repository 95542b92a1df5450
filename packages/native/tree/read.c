/* The bytes of one regular file, links followed inside the tree. Answered: one byte, 1 when there is such a file, and its bytes. */
#define _GNU_SOURCE
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int read_file(int fd, int64_t most, const char *path, FILE *out) {
	static char buffer[1 << 16];
	for (int64_t have = 0;;) {
		ssize_t n = read(fd, buffer, sizeof buffer);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return tree_fail_at("read", path);
		if (n == 0) return 0;
		have += n;
		if (have > most) return untar_fail("budget", "/%s has more than %lld bytes", path, (long long)most);
		fwrite(buffer, 1, (size_t)n, out);
	}
}

int tree_run_read(struct tree_request *r, FILE *out) {
	struct tree_root root;
	struct stat s;
	int rc = tree_open_root(r, &root);
	const char *given = tree_text(r, NULL);
	int64_t most = tree_number(r);
	if (rc == 0 && r->broken) rc = untar_fail("io", "broken request");
	char *path = rc == 0 ? tree_resolve(root.fd, given, true) : NULL;
	int fd = path ? tree_open(root.fd, path, O_RDONLY | O_NONBLOCK) : -1;
	if (!path) rc = -1;
	else if (fd < 0) rc = errno == ENOENT || errno == ENOTDIR ? (fputc(0, out), 0) : tree_fail_at("open", path);
	else if (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)) fputc(0, out);
	else {
		fputc(1, out);
		rc = read_file(fd, most, path, out);
	}
	if (fd >= 0) close(fd);
	free(path);
	tree_close_root(&root);
	return rc;
}
