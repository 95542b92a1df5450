/* SHA-256 by OpenSSL, as the text that names content. */
#pragma once
/* The calls of 1.1: they touch nothing but the hash, where EVP brings all of libcrypto into a static program (docs/adr/0235). */
#define OPENSSL_API_COMPAT 10100
#include <openssl/sha.h>
/* These bring it all the same: what Debian 13 compresses with for TLS would have to be linked, too. */
#pragma GCC poison SHA1 SHA224 SHA256 SHA384 SHA512 EVP_MD_CTX_new EVP_Digest

/* Of bytes that are all here. */
void sha256_of(const void *bytes, size_t size, unsigned char out[SHA256_DIGEST_LENGTH]);

/* Ends the hash: 64 digits and a zero. */
void sha256_hex(SHA256_CTX *hash, char out[65]);
