/* Where the archive's bytes come from: stdin, or a file that still grows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct untar_input {
	bool
	    follow; /* the file at descriptor 3; stdin brings its length, 8 bytes little endian each time it has grown, and ends when it is whole */
	bool complete;
	uint64_t there, taken; /* bytes that the file has, bytes that were read */
};

/* At least one byte, at most size; 0 at the end; -1 and errno on failure. */
ssize_t untar_input_read(struct untar_input *input, void *buffer, size_t size);
