/* Anything as a gzip stream, brought in pieces of any size: what comes out must be readable memory, and an end or an error must come. */
#include "layers/inflate.h"
#include "layers/sha256.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rest {
	const uint8_t *at;
	size_t size, step;
};

static ssize_t bring(void *context, void *buffer, size_t size) {
	struct rest *rest = context;
	size_t n = rest->size < size ? rest->size : size;

	if (rest->step && n > rest->step) n = rest->step;
	memcpy(buffer, rest->at, n);
	rest->at += n;
	rest->size -= n;
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct rest rest = {data, size, size % 5 ? size % 97 : 0};
	struct inflate *z = inflate_new(bring, &rest);
	SHA256_CTX hash;
	const unsigned char *bytes;
	char digest[65];
	ssize_t n;

	if (!z) return 0;
	SHA256_Init(&hash);
	while ((n = inflate_read(z, &bytes)) > 0) SHA256_Update(&hash, bytes, (size_t)n);
	sha256_hex(&hash, digest);
	if (n < 0 && !inflate_error(z)) abort(); /* the source never fails here */
	inflate_free(z);
	return 0;
}
