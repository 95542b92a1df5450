#define _GNU_SOURCE
#include "layers/receive.h"
#include "layers/untar_report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LIMIT (64U << 10)
#define XATTRS_LIMIT (1U << 20)
#define DATA_LIMIT (16U << 20)

int receive_check_head(const struct receive_head *h) {
	if (h->path_length > PATH_LIMIT || h->link_length > PATH_LIMIT || h->xattrs_length > XATTRS_LIMIT || h->data_length > DATA_LIMIT)
		return untar_fail("archive", "a record is larger than any may be");
	return 0;
}

int receive_check_names(const struct receive_record *r) {
	const struct receive_head *h = &r->head;
	if (strlen(r->path) != h->path_length || strlen(r->link) != h->link_length) return untar_fail("unsafe", "a name with a zero byte");
	if (h->kind == RECEIVE_DATA || h->kind == RECEIVE_CLOSE || h->kind == RECEIVE_SETTLE) return 0;
	char *clean = untar_clean(r->path);
	int same = clean && *clean && strcmp(clean, r->path) == 0;
	free(clean);
	return same ? 0 : untar_fail("unsafe", "%s is no clean path", r->path);
}
