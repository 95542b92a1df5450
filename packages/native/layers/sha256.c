#include "layers/sha256.h"

#include <stdio.h>

void sha256_hex(SHA256_CTX *hash, char out[65]) {
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256_Final(digest, hash);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void sha256_of(const void *bytes, size_t size, unsigned char out[SHA256_DIGEST_LENGTH]) {
	SHA256_CTX hash;
	SHA256_Init(&hash);
	SHA256_Update(&hash, bytes, size);
	SHA256_Final(out, &hash);
}
