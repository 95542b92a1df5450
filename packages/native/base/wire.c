#include "base/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int read_all(int fd, void *to, size_t len) {
	size_t done = 0;
	while (done < len) {
		ssize_t n = read(fd, (char *)to + done, len - done);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno != ECONNRESET) return -1;
		if (n <= 0) return done == 0 ? 0 : -1;
		done += (size_t)n;
	}
	return 1;
}

int wire_read(int fd, struct frame *frame) {
	uint32_t len;
	int r = read_all(fd, &len, 4);
	if (r <= 0) return r;
	if (len < 5 || len > WIRE_MAX) return -1;
	// Mapped, so that the monitor can give the plan's memory back to the kernel.
	uint8_t *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) return -1;
	if (read_all(fd, map, len) != 1) {
		munmap(map, len);
		return -1;
	}
	memcpy(&frame->id, map, 4);
	frame->kind = map[4];
	frame->fields = map + 5;
	frame->len = len - 5;
	frame->map = map;
	frame->map_len = len;
	return 1;
}

void wire_free(struct frame *frame) {
	if (frame->map) munmap(frame->map, frame->map_len);
	frame->map = NULL;
	frame->len = 0;
}

const char *wire_get(const struct frame *frame, const char *key, size_t *len) {
	const uint8_t *p = frame->fields, *end = p + frame->len;
	size_t want = strlen(key);
	while (p < end) {
		size_t klen = *p++;
		if ((size_t)(end - p) < klen + 4) return NULL;
		const uint8_t *name = p;
		p += klen;
		uint32_t vlen;
		memcpy(&vlen, p, 4);
		p += 4;
		if ((size_t)(end - p) < (size_t)vlen + 1 || p[vlen] != 0) return NULL;
		if (klen == want && memcmp(name, key, klen) == 0) {
			if (len) *len = vlen;
			return (const char *)p;
		}
		p += vlen + 1;
	}
	return NULL;
}

long wire_int(const struct frame *frame, const char *key, long otherwise) {
	const char *v = wire_get(frame, key, NULL);
	if (!v || !*v) return otherwise;
	char *end;
	long n = strtol(v, &end, 10);
	return *end ? otherwise : n;
}

bool wire_answer(int fd, uint32_t id, const char *json) {
	char buf[8192 + 8];
	size_t n = strlen(json);
	if (n > 8192) n = 8192;
	uint32_t len = (uint32_t)n + 4;
	memcpy(buf, &len, 4);
	memcpy(buf + 4, &id, 4);
	memcpy(buf + 8, json, n);
	ssize_t sent;
	do sent = send(fd, buf, n + 8, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)(n + 8);
}

char **wire_words(const char *value, size_t len) {
	if (!value || len == 0) return NULL;
	size_t count = 1;
	for (size_t i = 0; i < len; i++) count += value[i] == 0;
	char **words = calloc(count + 1, sizeof *words);
	if (!words) return NULL;
	const char *p = value;
	for (size_t i = 0; i < count; i++) {
		words[i] = (char *)p;
		p += strlen(p) + 1;
	}
	return words;
}
