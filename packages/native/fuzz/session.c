/* Frames of a client that serves gRPC, of any bytes, in pieces of any size: what passes and what is taken off is never more than came. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/streams.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taker {
	size_t content;
};

void taker_content(struct taker *t, uint32_t id, unsigned char *message, const unsigned char *content, size_t size) {
	(void)id;
	t->content += size;
	if (size > 0 && (content < message || size > ((size_t)16 << 20))) abort();
	for (size_t i = 0; i < size; i++) t->content += content[i] & 0; /* reads all of it */
	free(message);
}

size_t taker_waiting(struct taker *t) { return t->content & 1; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct taker taker = {0};
	struct bytes on = {0}, back = {0}, answers = {0};
	struct streams s = {.on = &on, .answers = &answers};
	static char list[] = "/tmp/fuzz-session-list";
	unsigned char *input = malloc(size + 1);
	size_t have = 0, at = 0, step = size > 0 ? (size_t)data[0] % 97 + 1 : 1;

	if (!input) return 0;
	streams_divert(&s, 3, &taker);
	/* The second half is a list, too. */
	FILE *f = fopen(list, "w");
	if (f) {
		fwrite(data + size / 2, 1, size - size / 2, f);
		fclose(f);
		streams_compare(&s, 1, 1, list);
		streams_compare(&s, 3, 2, list);
	}
	while (at < size) {
		size_t n = size - at < step ? size - at : step;
		memcpy(input + have, data + at, n);
		have += n;
		at += n;
		long taken = streams_take(&s, input, have);
		if (taken < 0) break;
		if ((size_t)taken > have) abort();
		have -= (size_t)taken;
		memmove(input, input + taken, have);
		if (at > size / 2) streams_leave(&s, &taker);
		streams_give_back(&s, &back);
	}
	if (taker.content > size) abort();
	remove(list);
	streams_free(&s);
	free(input);
	free(on.data);
	free(back.data);
	free(answers.data);
	return 0;
}
