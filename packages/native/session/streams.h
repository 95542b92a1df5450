/*
 * HTTP/2 from a client that serves gRPC, cut into frames. All goes on as it is, but for the contents of files in streams that are diverted: these go to a taker,
 * and the client is given the room back that they took of its windows.
 */
#pragma once
#include "session/bytes.h"
#include "session/taker.h"

#define FRAME_HEAD 9U
/* Of a payload, unless the receiver allows more, which ours does not (RFC 9113, 4.2). */
#define FRAME_MOST 16384U

enum frame_type { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_RST_STREAM = 3, FRAME_WINDOW_UPDATE = 8 };

struct stream;

struct streams {
	struct stream *first;
	struct bytes *on; /* to whoever is the client's client */
	struct bytes *answers;
	size_t credit; /* of the connection's window */
};

/* Takes all whole frames of the bytes. Answers how many bytes those were, -1 where they are no frames. */
long streams_take(struct streams *s, const unsigned char *p, size_t size);
/* From the next message on. NULL: not any more. */
int streams_divert(struct streams *s, uint32_t id, struct taker *taker);
void streams_leave(struct streams *s, const struct taker *taker);
/* Leaves out what is told again, as long as it is the same, where nothing of the stream has come yet. Answered either way. */
int streams_compare(struct streams *s, uint32_t id, uint32_t number, const char *list);
/* Writes the frames that give room back. */
int streams_give_back(struct streams *s, struct bytes *to_client);
void streams_free(struct streams *s);
