/* fsutil.types.Packet: of a content, the file's number and the bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that tell whether a packet holds content: its first field is its type. */
#define PACKET_GLANCE 2U

struct packet {
	uint32_t id;
	const unsigned char *data; /* inside of the message */
	size_t size;
};

bool packet_has_content(const unsigned char *p, size_t size);
/* False: it cannot be read. */
bool packet_read(const unsigned char *message, size_t size, struct packet *packet);
