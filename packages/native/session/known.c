#define _GNU_SOURCE
#include "session/known.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Field 2 of a packet, with a length; its type, 0 for a stat, is not written. */
#define STAT_FIELD 0x12
#define LIST_HEAD 4U

struct known *known_open(uint32_t number, const char *path) {
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct known *k = fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0 ? NULL : calloc(1, sizeof *k);
	void *list = k ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (fd >= 0) close(fd);
	if (list == MAP_FAILED) {
		free(k);
		return NULL;
	}
	*k = (struct known){.list = list, .size = (size_t)st.st_size, .number = number};
	return k;
}

bool known_may_be(const unsigned char *packet, size_t size) { return size > 0 && packet[0] == STAT_FIELD; }

/* Where the stat begins; 0: there is something else in the packet. */
static size_t stat_start(const unsigned char *packet, size_t size) {
	size_t length = 0, at = 1;
	for (unsigned shift = 0; shift <= 14 && at < size; shift += 7) {
		unsigned char byte = packet[at++];
		length |= (size_t)(byte & 0x7f) << shift;
		if (byte < 0x80) return length > 0 && length == size - at ? at : 0;
	}
	return 0;
}

bool known_take(struct known *k, const unsigned char *packet, size_t size) {
	size_t start = known_may_be(packet, size) ? stat_start(packet, size) : 0;
	size_t length = size - start, left = k->size - k->at;
	const unsigned char *next = k->list + k->at;
	if (start == 0 || left < LIST_HEAD || left - LIST_HEAD < length) return false;
	size_t listed = (size_t)next[0] | (size_t)next[1] << 8 | (size_t)next[2] << 16 | (size_t)next[3] << 24;
	if (listed != length || memcmp(next + LIST_HEAD, packet + start, length) != 0) return false;
	k->at += LIST_HEAD + length;
	k->count++;
	k->came += size;
	return true;
}

void known_close(struct known *k) {
	if (!k) return;
	munmap((void *)(uintptr_t)k->list, k->size);
	free(k);
}
