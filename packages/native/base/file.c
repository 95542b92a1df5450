#define _GNU_SOURCE
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void close_fd(int *fd) {
	if (*fd >= 0) close(*fd);
	*fd = -1;
}

int write_file(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CLOEXEC), result;

	if (fd < 0) return -1;
	result = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close_fd(&fd);
	return result;
}
