#include "session/packet.h"

#define TYPE_FIELD 0x08
#define TYPE_DATA 2
#define ID_FIELD 0x18
#define DATA_FIELD 0x22

bool packet_has_content(const unsigned char *p, size_t size) { return size >= PACKET_GLANCE && p[0] == TYPE_FIELD && p[1] == TYPE_DATA; }

static bool varint(const unsigned char **p, const unsigned char *end, uint64_t *value) {
	*value = 0;
	for (int shift = 0; shift < 64 && *p < end; shift += 7) {
		unsigned char byte = *(*p)++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) return true;
	}
	return false;
}

bool packet_read(const unsigned char *message, size_t size, struct packet *packet) {
	const unsigned char *p = message, *end = message + size;
	*packet = (struct packet){.data = message};
	while (p < end) {
		uint64_t tag, value;
		if (!varint(&p, end, &tag)) return false;
		unsigned wire = tag & 7;
		if (wire == 0 || wire == 2) {
			if (!varint(&p, end, &value)) return false;
		} else if (wire == 1 || wire == 5) value = wire == 1 ? 8 : 4;
		else return false;
		if (tag == ID_FIELD) packet->id = (uint32_t)value;
		else if (tag == TYPE_FIELD && value != TYPE_DATA) return false; /* a later one would count, and it is no content */
		if (wire == 0) continue;
		if (value > (uint64_t)(end - p)) return false;
		if (tag == DATA_FIELD) {
			packet->data = p;
			packet->size = (size_t)value;
		}
		p += value;
	}
	return true;
}
