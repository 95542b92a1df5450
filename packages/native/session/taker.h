/* A transfer: its tree is written by a thread of its own, in the order of what is given to it. */
#pragma once
#include "layers/receive.h"
#include "session/bytes.h"

/* What goes to the caller: this, and `length` bytes. */
struct answer {
	uint32_t kind, transfer, id, length;
};
enum answer_kind {
	ANSWER_DIGEST = 1, /* of file `id`, whose content came whole */
	ANSWER_DONE = 2, /* all records were done, and the tree is closed */
	ANSWER_FAILED = 3, /* why, as `untar` has it; nothing more is done */
	ANSWER_CAME = 4, /* `id` bytes of content came since the last one */
	ANSWER_LEFT = 5, /* the tree is closed, and nothing is done to it any more */
	ANSWER_SAME = 6, /* `id` stats were not told; uint64 bytes of the list, uint64 bytes of messages. What comes now is told */
};

/* Bytes of content that may wait before the client is held back. */
#define TAKER_MOST (4U << 20)

struct taker;

/* wake: an eventfd that is counted up when there is something to collect. NULL: out of memory. */
struct taker *taker_new(uint32_t transfer, const char *root, int wake);
/* The record's parts are the taker's from then on. */
void taker_record(struct taker *t, struct receive_record *r);
/* A piece of file `id`, inside of a message that is the taker's from then on. */
void taker_content(struct taker *t, uint32_t id, unsigned char *message, const unsigned char *data, size_t size);
/* Bytes of contents that wait. */
size_t taker_waiting(struct taker *t);
/* -1: out of memory. */
int taker_collect(struct taker *t, struct bytes *answers);
/* Ends the thread, and frees. */
void taker_end(struct taker *t);
