#define _GNU_SOURCE
#include "layers/untar_input.h"

#include <errno.h>
#include <unistd.h>

#define FOLLOWED 3

/* Waits until the followed file has more than was taken. -1: stdin is broken. */
static int await_bytes(struct untar_input *input) {
	unsigned char count[8];
	size_t have = 0;
	while (input->there <= input->taken && !input->complete) {
		ssize_t n = read(STDIN_FILENO, count + have, sizeof count - have);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -1;
		if (n == 0) input->complete = true;
		have += (size_t)n;
		if (have < sizeof count) continue;
		have = 0;
		input->there = 0;
		for (int i = 7; i >= 0; i--) input->there = input->there << 8 | count[i];
	}
	return 0;
}

static ssize_t read_followed(struct untar_input *input, void *buffer, size_t size) {
	if (await_bytes(input) < 0) return -1;
	uint64_t left = input->there > input->taken ? input->there - input->taken : 0;
	ssize_t n = left == 0 ? 0 : pread(FOLLOWED, buffer, left < size ? left : size, (off_t)input->taken);
	if (n == 0 && left > 0) {
		errno = EIO; /* the file is shorter than was said */
		return -1;
	}
	input->taken += n > 0 ? (uint64_t)n : 0;
	return n;
}

ssize_t untar_input_read(struct untar_input *input, void *buffer, size_t size) {
	ssize_t n;
	do n = input->follow ? read_followed(input, buffer, size) : read(STDIN_FILENO, buffer, size);
	while (n < 0 && errno == EINTR);
	return n;
}
