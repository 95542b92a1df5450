/* Records of the caller (layers/receive.h), as they come from a descriptor that does not wait. */
#pragma once
#include "layers/receive.h"

struct records {
	unsigned char *data;
	size_t at, size, cap;
	bool ended;
};

/* Reads all that is there. -1: the descriptor is broken. */
int records_fill(struct records *r, int fd);
/* 1: one was there, and is the caller's. 0: none is whole. -1: it is none; why was reported. */
int records_next(struct records *r, struct receive_record *record);
