#define _GNU_SOURCE
#include "layers/copy_file.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int copy_range(int from, int to, off_t at, off_t end, const char *path) {
	static char buffer[1 << 18];
	off_t in = at, out = at;
	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
		if (n > 0) continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
			return untar_fail_at("copy", path);
		size_t want = end - in < (off_t)sizeof buffer ? (size_t)(end - in) : sizeof buffer;
		n = pread(from, buffer, want, in);
		if (n <= 0) return n < 0 && errno == EINTR ? copy_range(from, to, in, end, path) : untar_fail_at("read", path);
		for (ssize_t done = 0; done < n;) {
			ssize_t written = pwrite(to, buffer + done, (size_t)(n - done), out + done);
			if (written < 0 && errno != EINTR) return untar_fail_at("write", path);
			done += written > 0 ? written : 0;
		}
		in += n;
		out += n;
	}
	return 0;
}

int copy_file_bytes(int from, int to, off_t size, bool *no_clone, const char *path) {
	if (!*no_clone && ioctl(to, FICLONE, from) == 0) return 0;
	*no_clone = true;
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) break; /* a hole up to the end */
		off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
		if (data < 0) data = at; /* a file system that cannot tell holes */
		if (hole < 0) hole = size;
		if (copy_range(from, to, data, hole, path) < 0) return -1;
		at = hole;
	}
	return ftruncate(to, size) < 0 ? untar_fail_at("extend", path) : 0;
}
