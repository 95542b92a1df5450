/* The checksum of gzip (RFC 1952, 8). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The checksum of what had `crc` (0 at first) and then these bytes. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size);
