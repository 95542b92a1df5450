#define _GNU_SOURCE
#include "monitor/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK (256 * 1024)
#define LEVEL 6

void pack_alone(void) {
	(void)!nice(10);
	// Pipes and sockets of the container: who waits for their end does not wait for us.
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0) return;
	for (int fd = (int)sysconf(_SC_OPEN_MAX); fd > 2; fd--) close(fd);
}

static bool whole(int fd, const char *data, size_t len) {
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool copy(int from, int to) {
	struct libdeflate_compressor *deflate = libdeflate_alloc_compressor(LEVEL);
	if (!deflate) return false;
	size_t room = libdeflate_gzip_compress_bound(deflate, BLOCK);
	char *in = malloc(BLOCK), *out = malloc(room);
	bool ok = in && out;
	while (ok) {
		ssize_t n = read(from, in, BLOCK);
		if (n <= 0) {
			ok = n == 0;
			break;
		}
		size_t packed = libdeflate_gzip_compress(deflate, in, (size_t)n, out, room);
		ok = packed > 0 && whole(to, out, packed);
	}
	free(in);
	free(out);
	libdeflate_free_compressor(deflate);
	return ok;
}

int pack_file(const char *plain, const char *packed) {
	char part[4300];
	struct stat before, after;
	snprintf(part, sizeof part, "%s.part", packed);
	int from = open(plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0) return -1;
	int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	bool ok = to >= 0 && fstat(from, &before) == 0 && copy(from, to);
	close(from);
	if (to >= 0 && close(to) < 0) ok = false;
	// A monitor that began meanwhile may have renamed it.
	if (ok) ok = stat(plain, &after) == 0 && before.st_ino == after.st_ino && before.st_dev == after.st_dev && rename(part, packed) == 0;
	if (!ok) {
		(void)unlink(part);
		return -1;
	}
	return unlink(plain);
}
