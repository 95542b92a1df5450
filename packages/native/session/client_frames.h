/* HTTP/2 to the client: frames of ours go in between those of the other side. */
#pragma once
#include "session/bytes.h"
#include "session/streams.h"

#define PREFACE 24U /* what a client of HTTP/2 says first (RFC 9113, 3.4) */

struct client_frames {
	size_t before; /* bytes until the next frame begins */
	unsigned char head[FRAME_HEAD];
	size_t got; /* of a head */
};

/* Follows what was said. */
void client_frames_follow(struct client_frames *f, const unsigned char *p, size_t size);
/* Whether another frame may be put behind it. */
bool client_frames_between(const struct client_frames *f);
