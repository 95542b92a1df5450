/* SHA-256 by OpenSSL, as the text that names content. */
#pragma once
/* The calls of 1.1: they touch nothing but the hash, where EVP brings all of libcrypto into a static program (docs/adr/0235). */
#define OPENSSL_API_COMPAT 10100
#include <openssl/sha.h>

/* Ends the hash: 64 digits and a zero. */
void sha256_hex(SHA256_CTX *hash, char out[65]);
