#define _GNU_SOURCE
#include "session/records.h"
#include "layers/untar_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM (64U << 10)

int records_fill(struct records *r, int fd) {
	while (!r->ended) {
		if (r->at > 0) memmove(r->data, r->data + r->at, r->size);
		r->at = 0;
		if (r->cap - r->size < ROOM) {
			unsigned char *grown = realloc(r->data, r->size + 2 * ROOM);
			if (!grown) return -1;
			r->data = grown;
			r->cap = r->size + 2 * ROOM;
		}
		ssize_t n = read(fd, r->data + r->size, r->cap - r->size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno == EAGAIN ? 0 : -1;
		r->ended = n == 0;
		r->size += (size_t)n;
	}
	return 0;
}

static void *part(const unsigned char **p, uint64_t length) {
	char *copy = malloc((size_t)length + 1);
	if (!copy) abort();
	memcpy(copy, *p, (size_t)length);
	copy[length] = 0;
	*p += length;
	return copy;
}

int records_next(struct records *r, struct receive_record *record) {
	const unsigned char *p = r->data + r->at;
	struct receive_head *h = &record->head;
	*record = (struct receive_record){0};
	if (r->size < sizeof *h) return 0;
	memcpy(h, p, sizeof *h);
	p += sizeof *h;
	if (receive_check_head(h) < 0) return -1;
	uint64_t length = sizeof *h + (uint64_t)h->path_length + h->link_length + h->xattrs_length + h->data_length;
	if (r->size < length) return 0;
	record->path = part(&p, h->path_length);
	record->link = part(&p, h->link_length);
	record->xattrs = part(&p, h->xattrs_length);
	record->data = part(&p, h->data_length);
	r->at += (size_t)length;
	r->size -= (size_t)length;
	return 1;
}
